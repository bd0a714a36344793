package jobs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/ledger"
)

// A reconciliation at two each night, in a zone with summer time, told night by night.
func TestDue(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	times, err := ParseTimes("0 2 * * *", zone)
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, zone) }
	for _, step := range []struct {
		what    string
		s       ledger.Schedule
		skip    bool // missed times are let go
		want    ledger.Due
		nothing bool
	}{
		{what: "not yet", s: ledger.Schedule{Now: at(2, 1, 59), LastDue: at(1, 12, 0)}, nothing: true},
		{what: "on time", s: ledger.Schedule{Now: at(2, 2, 0), LastDue: at(1, 12, 0)}, want: ledger.Due{At: at(2, 2, 0), Fire: true}},
		{what: "fired for already", s: ledger.Schedule{Now: at(2, 2, 1), LastDue: at(2, 2, 0)}, nothing: true},
		{what: "while it is being fired for", s: ledger.Schedule{Now: at(3, 2, 0), LastDue: at(2, 2, 0), Firing: at(2, 2, 0)}, nothing: true},
		{what: "left by who fired it", s: ledger.Schedule{Now: at(3, 2, 0), LastDue: at(2, 2, 0), Firing: at(2, 2, 0), Left: true}, want: ledger.Due{At: at(2, 2, 0), Fire: true}},
		{what: "while its run is open", s: ledger.Schedule{Now: at(3, 2, 0), LastDue: at(2, 2, 0), Busy: 7, State: ledger.Held}, nothing: true},
		{what: "three nights later", s: ledger.Schedule{Now: at(5, 9, 0), LastDue: at(2, 2, 0)}, want: ledger.Due{At: at(5, 2, 0), Fire: true, Missed: 2}},
		{what: "three nights later, let go", skip: true, s: ledger.Schedule{Now: at(5, 9, 0), LastDue: at(2, 2, 0)}, want: ledger.Due{At: at(5, 2, 0), Missed: 3}},
		{what: "a little late, let go otherwise", skip: true, s: ledger.Schedule{Now: at(5, 2, 1), LastDue: at(2, 2, 0)}, want: ledger.Due{At: at(5, 2, 0), Fire: true, Missed: 2}},
	} {
		want := step.want
		if step.nothing {
			want = ledger.Due{}
		}
		if diff := cmp.Diff(want, dueNow(times, !step.skip, step.s)); diff != "" {
			t.Errorf("%s: -want +got\n%s", step.what, diff)
		}
	}
}

// As on a clock on the wall: a night without half past two has no such time, one with two of them has both. The manual says so.
func TestDueInTheNightTheClockChanges(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	times, err := ParseTimes("30 2 * * *", zone)
	if err != nil {
		t.Fatal(err)
	}
	for _, night := range []struct {
		from, to time.Time
		want     []string
	}{
		{time.Date(2026, 3, 28, 12, 0, 0, 0, zone), time.Date(2026, 3, 30, 12, 0, 0, 0, zone), []string{"2026-03-30T02:30:00+02:00"}},
		{time.Date(2026, 10, 24, 12, 0, 0, 0, zone), time.Date(2026, 10, 26, 12, 0, 0, 0, zone), []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"}},
	} {
		var got []string
		last := night.from
		for now := night.from; now.Before(night.to); now = now.Add(time.Minute) {
			if d := dueNow(times, true, ledger.Schedule{Now: now, LastDue: last}); d.Fire {
				last = d.At
				got = append(got, d.At.In(zone).Format(time.RFC3339))
			}
		}
		if diff := cmp.Diff(night.want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}
