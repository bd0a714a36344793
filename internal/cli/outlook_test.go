package cli

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/ledger"
)

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 8080 * time.Millisecond: "8.1s", 59 * time.Second: "59s", 61500 * time.Millisecond: "1m2s", 119 * time.Second: "1m59s",
		2 * time.Minute: "2m", 33*time.Minute + 29*time.Second: "33m", 33*time.Minute + 30*time.Second: "34m", 59*time.Minute + 45*time.Second: "1h",
		125 * time.Minute: "2h5m", 49*time.Hour + 5*time.Minute: "49h", math.MaxInt64: "2562047h",
	} {
		if got := Short(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestOutlookInWords(t *testing.T) {
	t.Parallel()
	tenant := uuid.MustParse("11111111-1111-4111-8111-111111111111")
	urgent, older := ledger.Waiting{ID: 202611000041, Priority: 1, Rows: 3400, Open: 3400}, ledger.Waiting{ID: 202611000040, Priority: 2, Rows: 9000, Open: 8600}
	paused := budget.Forecast{
		Paused: 41 * time.Second, Ahead: 40 * time.Minute, Own: 33 * time.Minute,
		Pause: &budget.Pause{Until: time.Date(2026, 11, 23, 14, 32, 10, 0, time.UTC), Asked: true},
	}
	for _, test := range []struct {
		outlook      Outlook
		waits, after string
		eta          time.Duration // 0: cannot be said
	}{
		{Outlook{Served: true, Forecast: budget.Forecast{Own: time.Minute}}, "", "", time.Minute},
		{Outlook{Tenant: tenant}, "no worker serves tenant 11111111-1111-4111-8111-111111111111 now", "", 0},
		{Outlook{Served: true, Reason: "no token"}, "no token", "", 0},
		{Outlook{Served: true, Runs: []ledger.Waiting{urgent}, Prior: 1, Before: 3400, Forecast: budget.Forecast{Ahead: 11 * time.Minute}}, "waits for run 202611000041 (priority 1), 3,400 rows", ", after 3,400 rows of 1 other run (11m)", 11 * time.Minute},
		{
			Outlook{Served: true, Runs: []ledger.Waiting{urgent, urgent, older}, Prior: 2, Before: 12_000, Forecast: paused},
			"paused by Graph until 14:32:10, 41 s; waits for 2 runs, 6,800 rows, the first of them 202611000041 (priority 1); takes turns with run 202611000040 (priority 2), 8,600 rows",
			", after 12,000 rows of 3 other runs (40m) and a pause until 14:32:10 (41s)", 73*time.Minute + 41*time.Second,
		},
	} {
		o := test.outlook
		eta, ok := o.ETA()
		if got := o.Waits(time.UTC); got != test.waits {
			t.Errorf("waits: got %q, want %q", got, test.waits)
		}
		if got := o.After(time.UTC); got != test.after {
			t.Errorf("after: got %q, want %q", got, test.after)
		}
		if ok != (test.eta > 0) || ok && eta != test.eta {
			t.Errorf("%q: got %s, %v, want %s", test.waits, eta, ok, test.eta)
		}
	}
}
