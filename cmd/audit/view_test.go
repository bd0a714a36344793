package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/audit"
)

var cet = time.FixedZone("CET", 3600)

// evening is when the tests' person looks, in a terminal of that width.
func evening(width int) view { return view{width: width, now: at("17:00:30").In(cet)} }

func ptr[T any](v T) *T { return &v }

// busy is a run of the simulator's size, in the middle of its work.
func busy() *audit.Detail {
	return &audit.Detail{
		Run: audit.Run{
			ID: 202611000042, Kind: "csv", Name: "users.csv", Actor: "anna@desk", Tenant: tenant, Priority: 2, State: "running", CreatedAt: at("16:49:59"),
			Counts: audit.Counts{Rows: 4000, Settled: 3120, Open: 880, Applied: 3000, Rejected: 101, Failed: 2, Unchanged: 10, Superseded: 7, Requests: 3164, Throttled: 20, Transient: 40, Unknown: 1, Late: 1},
		},
		InFlight: 5, Source: json.RawMessage(`{"file":"users.csv","bytes":4300000,"sha256":"abababababababababababababababababababababababababababababababab","encoding":"UTF-16LE","delimiter":"\t","columns":["userStatusId","devicesCount"]}`),
		Options: json.RawMessage(`{}`), FirstProgressAt: ptr(at("16:50:00")), LastProgressAt: ptr(at("17:00:24")), RatePerSecond: ptr(5.0),
		RequestsPerRow: ptr(1.014), Retries: 61,
		Slowest: []audit.Slow{{Event: "202611000042-17-9f3a61c2", Row: 17, Outcome: "applied", ElapsedMs: 12_345}, {Event: "202611000042-2333-0f00ba44", Row: 2333, Outcome: "transient", ElapsedMs: 1_000}},
		History: []audit.RunEvent{
			{Outcome: "enqueued", RecordedAt: at("16:49:59"), Actor: ptr("anna@desk")},
			{Outcome: "held", RecordedAt: at("16:52:00"), Actor: ptr("bob@desk"), Reason: ptr("lunch\x1b[2J")},
			{Outcome: "released", RecordedAt: at("16:53:00"), Actor: ptr("bob@desk")},
		},
		Failures: []audit.Failure{
			{Outcome: "rejected", Status: ptr(403), Error: ptr("Forbidden: Application is not authorized to perform this operation. Application must have one of the following scopes: …"), Rows: 98, Example: 17},
			{Outcome: "failed", Error: ptr("context deadline exceeded"), Rows: 2, Example: 2333},
		},
		OtherFailures: 3,
	}
}

func TestDetail(t *testing.T) {
	for name, width := range map[string]int{"busy.txt": 0, "busy-80.txt": 80} {
		var out bytes.Buffer
		if err := writeDetail(&out, &shown{Detail: busy()}, evening(width)); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
		fits(t, name, out.String(), width)
	}
}

// fits checks that no line is too wide, and none holds what a terminal obeys.
func fits(t *testing.T, name, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); width > 0 && n > width {
			t.Errorf("%s: %d wide: %s", name, n, line)
		}
		if strings.ContainsAny(line, "\x1b\x07\r") {
			t.Errorf("%s: a control character in %q", name, line)
		}
	}
}

func TestSourceOf(t *testing.T) {
	query := `{"sha256":"ab","columns":["userStatusId","status"],"query":{"server":"postgres","host":"db.example.com:5433","database":"inventory","sha256":"cd","parameters":1,"text":"SELECT %s\n\tFROM device\n"}}`
	for source, want := range map[string]string{
		fmt.Sprintf(query, "*"):                      "postgres db.example.com:5433/inventory, 2 columns, 1 parameter, query sha256 cd: SELECT * FROM device",
		fmt.Sprintf(query, strings.Repeat("ä", 300)): "postgres db.example.com:5433/inventory, 2 columns, 1 parameter, query sha256 cd: SELECT " + strings.Repeat("ä", 193) + "…",
		`{"check":"users.csv:2"}`:                    `sql {"check":"users.csv:2"}`,
	} {
		if got := sourceOf(&audit.Detail{Run: audit.Run{Kind: "sql"}, Source: json.RawMessage(source)}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestStanding(t *testing.T) {
	for _, test := range []struct {
		change func(*audit.Detail)
		want   string
	}{
		{func(*audit.Detail) {}, "running: 3,120 of 4,000 rows settled, 880 open, 5 in flight"},
		{func(d *audit.Detail) { d.State, d.Reason, d.InFlight = "held", ptr("Graph refused\nthe token"), 0 }, `held: Graph refused\nthe token` + "\n3,120 of 4,000 rows settled, 880 wait for a release"},
		{func(d *audit.Detail) { cancel(d) }, "cancelled: nobody said why\n3,120 of 4,000 rows settled, 875 are not sent any more, 5 in flight"},
		{func(d *audit.Detail) {
			cancel(d)
			d.InFlight, d.Throttled, d.Transient, d.Unknown, d.Late = 0, 0, 0, 0, 0
		}, "cancelled: nobody said why\n3,120 of 4,000 rows settled, 880 were never sent"},
		{func(d *audit.Detail) { d.State, d.Counts = "finished", audit.Counts{Rows: 1, Settled: 1, Applied: 1} }, "finished: all 1 row settled, none rejected"},
		{func(d *audit.Detail) {
			d.State, d.Counts = "finished", audit.Counts{Rows: 4000, Settled: 4000, Rejected: 12}
		}, "finished with 12 rows rejected of 4,000"},
		{func(d *audit.Detail) {
			d.State, d.Counts = "finished", audit.Counts{Rows: 40, Settled: 40, Rejected: 1, Failed: 2}
		}, "finished with 1 row rejected and 2 rows failed of 40"},
	} {
		d := busy()
		test.change(d)
		if got := standing(d); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func cancel(d *audit.Detail) { d.State, d.Open, d.Cancelled = "cancelled", 0, 880 }

func TestBrakeInWords(t *testing.T) {
	for _, test := range []struct {
		canary        string
		rows          *int
		limit         *string
		wantC, wantLi string
	}{
		{"waived", nil, nil, "waived", ""},
		{"passed", ptr(50), ptr("5%"), "passed: a first row was applied and read back as it was sent; only the first 50 rows are sent before the run is held for a person", "held when more than 5 % of the settled rows are rejected or failed, from 100 on"},
		{"waived", ptr(4000), ptr("200"), "waived", "held at 200 rejected or failed rows"},
	} {
		d := busy()
		d.Canary, d.CanaryRows, d.MaxFailures = test.canary, test.rows, test.limit
		if got := canaryOf(d); got != test.wantC {
			t.Errorf("got %q, want %q", got, test.wantC)
		}
		if got := limitOf(d); got != test.wantLi {
			t.Errorf("got %q, want %q", got, test.wantLi)
		}
	}
}

func TestProgress(t *testing.T) {
	const span = "from 2026-11-23 17:50:00 CET to 2026-11-23 18:00:24 CET (6 seconds ago)"
	for _, test := range []struct {
		change func(*audit.Detail)
		want   string
	}{
		{func(*audit.Detail) {}, span + ", 5.0 rows a second, about 3 minutes to go"},
		{func(d *audit.Detail) { d.RatePerSecond = nil }, span},
		{func(d *audit.Detail) { d.RatePerSecond = ptr(0.01) }, span + ", 0.0 rows a second, about 24 hours to go"},
		{func(d *audit.Detail) { d.State = "held" }, span + ", 5.0 rows a second"},
		{func(d *audit.Detail) { d.LastProgressAt = ptr(at("16:55:00")) }, "from 2026-11-23 17:50:00 CET to 2026-11-23 17:55:00 CET (5 minutes ago), 5.0 rows a second; does a worker run?"},
		{func(d *audit.Detail) { d.FirstProgressAt, d.LastProgressAt, d.RatePerSecond = nil, nil, nil }, "none yet"},
	} {
		d := busy()
		test.change(d)
		if got := progress(&shown{Detail: d}, evening(0)); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestAbout(t *testing.T) {
	for seconds, want := range map[float64]string{0.2: "1 second", 59: "59 seconds", 90: "2 minutes", 5000: "83 minutes", 7200: "2 hours", 500_000: "6 days"} {
		if got := about(seconds); got != want {
			t.Errorf("%v s: got %s, want %s", seconds, got, want)
		}
	}
}

func TestRunsTable(t *testing.T) {
	held, done := busy().Run, busy().Run
	ended := busy()
	cancel(ended)
	held.ID, held.State, held.Reason = 202611000043, "held", ptr("enqueued on hold, until everybody has agreed")
	done.ID, done.State, done.Name, done.Rejected = 202610000001, "finished", "a file with a name that is much too long.csv", 0
	for name, width := range map[string]int{"runs-wide.txt": 0, "runs-80.txt": 80, "runs-120.txt": 120} {
		var out bytes.Buffer
		if err := writeRuns(&out, []audit.Run{held, busy().Run, done}, evening(width)); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
		fits(t, name, out.String(), width)
	}
	var out bytes.Buffer
	if err := writeRuns(&out, []audit.Run{ended.Run, busy().Run}, evening(80)); err != nil {
		t.Fatal(err)
	}
	golden(t, "runs-cancelled.txt", out.String())
	fits(t, "runs-cancelled.txt", out.String(), 80)
}

func TestEventsTable(t *testing.T) {
	events := []audit.Event{
		{ID: "202611000042-0-0f00ba44", Run: 202611000042, Outcome: "held", RecordedAt: at("16:52:00"), Actor: ptr("worker-1"), Error: ptr("Graph refused the token: InvalidAuthenticationToken: Access token has expired")},
		{ID: "202611000042-123456-9f3a61c2", Run: 202611000042, Row: 123456, Outcome: "rejected", Final: true, Status: ptr(403), RecordedAt: at("16:51:00"), UserPrincipalName: ptr("somebody.with.a.long.name@contoso.onmicrosoft.com"), Error: ptr("Forbidden: no\r\nreally")},
		{ID: "202611000041-7-c0ffee00", Run: 202611000041, Row: 7, Outcome: "applied", Status: ptr(204), RecordedAt: at("16:50:00"), UserStatusID: ptr("0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c11_0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c12")},
	}
	for name, width := range map[string]int{"table.txt": 0, "table-80.txt": 80, "table-132.txt": 132} {
		var out bytes.Buffer
		if err := writeEvents(&out, events, evening(width)); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
		fits(t, name, out.String(), width)
	}
}

func TestUserTable(t *testing.T) {
	rows := []audit.UserRow{
		{
			Run: 202611000042, Row: 123456, CreatedAt: at("16:49:59"), DeviceConfigurationID: "0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c11", Outcome: "rejected",
			HTTPStatus: ptr(403), Error: ptr("Forbidden: no\r\nreally"), Wanted: json.RawMessage(`{"devicesCount": 3, "userPrincipalName": "anna@contoso.com"}`),
		},
		{Run: 202611000041, Row: 7, CreatedAt: at("16:39:59"), DeviceConfigurationID: "c1", Outcome: "open", Wanted: json.RawMessage(`{"status": "compliant"}`)},
	}
	for name, width := range map[string]int{"user-wide.txt": 0, "user-80.txt": 80, "user-132.txt": 132} {
		var out bytes.Buffer
		if err := writeUser(&out, rows, evening(width)); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
		fits(t, name, out.String(), width)
	}
}

// A column of CSV and a property of JSON are the same thing by the same name.
func TestFieldsAreProperties(t *testing.T) {
	check(t, "runs", names(runFields), audit.Run{})
	check(t, "events", names(eventFields), audit.Event{})
	check(t, "user", names(userFields), audit.UserRow{Wanted: json.RawMessage(`"x"`)})
	check(t, "events with bodies", append(names(eventFields), names(bodyFields)...), withBodies(&audit.Event{}))
}

func names[T any](fields []field[T]) (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

func check(t *testing.T, what string, fields []string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	var properties []string
	for i := 0; decoder.More() || i == 0; i++ {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 { // after the opening brace names and values take turns
			properties = append(properties, token.(string))
		}
	}
	if diff := cmp.Diff(fields, properties); diff != "" {
		t.Errorf("%s (-csv +json):\n%s", what, diff)
	}
}
