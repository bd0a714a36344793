package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// list is the events as "row outcome", newest first; final ones end in an exclamation mark.
func (w *world) list(f EventFilter) string {
	w.t.Helper()
	var all []string
	for e, err := range w.audit.Events(w.t.Context(), f) {
		w.must(err)
		s := fmt.Sprintf("%d %s", e.Row, e.Outcome)
		if e.Final {
			s += "!"
		}
		if e.Late() {
			s += " late"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func row(n int32) *int32 { return &n }

func user(t *testing.T, s string) UserPattern {
	u, err := ParseUser(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func status(t *testing.T, s string) StatusRange {
	r, err := ParseStatus(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEvents(t *testing.T) {
	w, first, second, third := story(t)
	const ofFirst = "7 failed!, 6 applied late, 6 applied!, 6 unknown, 5 transient, 4 applied!, 4 throttled, 3 rejected!, 2 rejected!, 1 applied!, 0 enqueued"
	const ofSecond = "0 cancelled, 0 held, 0 enqueued"
	const ofThird = "0 finished, 2 applied!, 1 superseded!, 0 enqueued"
	var middle time.Time // between the first run and the second
	w.must(w.pool.QueryRow(t.Context(), `SELECT recorded_at FROM audit_event WHERE run = $1 AND row = 0 ORDER BY recorded_at LIMIT 1`, second).Scan(&middle))
	for _, test := range []struct {
		name   string
		filter EventFilter
		want   string
	}{
		{"all", EventFilter{}, ofThird + ", " + ofSecond + ", " + ofFirst},
		{"limit", EventFilter{Limit: 3}, "0 finished, 2 applied!, 1 superseded!"},
		{"more than there is", EventFilter{Limit: 1000}, ofThird + ", " + ofSecond + ", " + ofFirst},
		{"run", EventFilter{Run: first}, ofFirst},
		{"run and limit", EventFilter{Run: second, Limit: 2}, "0 cancelled, 0 held"},
		{"row", EventFilter{Run: first, Row: row(6)}, "6 applied late, 6 applied!, 6 unknown"},
		{"the run's own", EventFilter{Run: third, Row: row(0), Limit: 9}, "0 finished, 0 enqueued"},
		{"outcomes", EventFilter{Outcomes: []string{"throttled", "held"}}, "0 held, 4 throttled"},
		{"final", EventFilter{Run: first, Final: true, Outcomes: []string{"applied"}}, "6 applied!, 4 applied!, 1 applied!"},
		{"status", EventFilter{Status: status(t, "429")}, "4 throttled"},
		{"class", EventFilter{Status: status(t, "4xx")}, "4 throttled, 3 rejected!, 2 rejected!"},
		{"user in any case", EventFilter{User: user(t, "anna.b@CONTOSO.com")}, "2 rejected!"},
		{"user by prefix", EventFilter{User: user(t, "anna.*")}, "2 rejected!, 1 applied!"},
		{"an underscore is no wildcard", EventFilter{User: user(t, "bob_*")}, "3 rejected!"},
		{"any user", EventFilter{User: user(t, "*"), Status: status(t, "5xx")}, "5 transient"},
		{"configuration", EventFilter{Configuration: strings.ToLower(configuration), Final: true}, "2 applied!, 1 superseded!, 3 rejected!, 2 rejected!, 1 applied!"},
		{"status id", EventFilter{StatusID: "S4"}, "4 applied!, 4 throttled"},
		{"request id", EventFilter{RequestID: "request-4"}, "4 throttled"},
		{"client request id", EventFilter{RequestID: "CCCCCCCC-0000-4000-8000-000000000002"}, "2 rejected!"},
		{"since", EventFilter{Since: middle}, ofThird + ", " + ofSecond},
		{"until", EventFilter{Until: middle}, ofFirst},
		{"until and limit", EventFilter{Until: middle, Limit: 2}, "7 failed!, 6 applied late"},
		{"tenant", EventFilter{Tenant: fabrikam}, ofSecond},
		{"tenant and outcome", EventFilter{Tenant: contoso, Outcomes: []string{"finished", "held"}}, "0 finished"},
		{"route", EventFilter{Route: "plain", Outcomes: []string{"superseded"}}, "1 superseded!"},
		{"another route", EventFilter{Route: "identity"}, ""},
		{"error code in any case", EventFilter{ErrorCode: "forbidden"}, "3 rejected!, 2 rejected!"},
		{"error that is all code", EventFilter{ErrorCode: "InternalServerError"}, "5 transient"},
		{"the reason of a run is no error", EventFilter{ErrorCode: "lunch"}, ""},
		{"worker", EventFilter{Worker: "worker-1", Run: third}, "2 applied!, 1 superseded!"},
		{"another worker", EventFilter{Worker: "worker-2"}, ""},
		{"nothing", EventFilter{Run: first, Row: row(99)}, ""},
		{"hostile", EventFilter{StatusID: "' OR true --", User: user(t, `%'*`)}, ""},
	} {
		if diff := cmp.Diff(w.list(test.filter), test.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", test.name, diff)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestEventsAreWhole(t *testing.T) {
	w, first, _, _ := story(t)
	w.rewrite(`UPDATE audit_event SET recorded_at = '2026-11-23T10:00:01.5+01' WHERE row = 2`)
	want := Event{
		ID: fmt.Sprintf("%d-2-def59149", first), Run: first, Row: 2, Line: ptr(int64(3)), Outcome: "rejected", Final: true, Status: ptr(403), Method: ptr("PATCH"),
		URL: ptr("https://graph.example/s2"), SentAt: ptr(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)),
		RecordedAt: time.Date(2026, 11, 23, 9, 0, 1, 500e6, time.UTC), ElapsedMs: ptr(12.345),
		ClientRequestID: ptr(uuid.MustParse("cccccccc-0000-4000-8000-000000000002")), RequestID: ptr("Request-2"), Worker: ptr("worker-1"),
		Error:                 ptr("Forbidden: 0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c11_0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c12 at 2026-11-23T10:00:00"),
		Route:                 ptr("plain"),
		DeviceConfigurationID: ptr(configuration), UserStatusID: ptr("s2"), UserPrincipalName: ptr("Anna.B@contoso.com"),
	}
	for _, bodies := range []bool{false, true} {
		if bodies {
			want.RequestBody, want.ResponseHeaders, want.ResponseBody = []byte("{}"), []byte("Date: now\r\n"), []byte{0xff, 0x00}
		}
		for e, err := range w.audit.Events(t.Context(), EventFilter{Run: first, Row: row(2), Bodies: bodies}) {
			w.must(err)
			if diff := cmp.Diff(e, want); diff != "" {
				t.Errorf("bodies %t (-got +want):\n%s", bodies, diff)
			}
		}
	}
}

// The newest events are found wherever in time they are, also when they are split between the windows.
func TestNewestEventsOfLongAgo(t *testing.T) {
	w, first, _, _ := story(t)
	w.rewrite(`UPDATE audit_event SET recorded_at = now() - make_interval(days => 40) - make_interval(hours => row)`)
	w.rewrite(`UPDATE audit_event SET recorded_at = now() - make_interval(hours => 2) WHERE run = $1 AND row IN (1, 2)`, first)
	w.rewrite(`UPDATE audit_event SET recorded_at = now() - make_interval(days => 2) WHERE run = $1 AND row = 3`, first)
	for limit, want := range map[int]string{
		1: "2 rejected!", 2: "2 rejected!, 1 applied!", 3: "2 rejected!, 1 applied!, 3 rejected!", 4: "2 rejected!, 1 applied!, 3 rejected!, 0 enqueued",
	} {
		if got := w.list(EventFilter{Run: first, Limit: limit}); got != want {
			t.Errorf("limit %d: got %s, want %s", limit, got, want)
		}
	}
}

// Whoever leaves the loop must not wait for the rest, and gives the connection back.
func TestEventsLeftEarly(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	w.exec(`INSERT INTO audit_event (run, row, outcome, error) SELECT $1, 0, 'held', repeat('x', 1000) FROM generate_series(1, 20000)`, run)
	for _, limit := range []int{0, 5} {
		for _, err := range w.audit.Events(t.Context(), EventFilter{Run: run, Limit: limit}) {
			w.must(err)
			break
		}
		if n := w.pool.Stat().AcquiredConns(); n > 0 && limit > 0 {
			t.Errorf("%d connections are still in use", n)
		}
	}
	all := 0
	for _, err := range w.audit.Events(t.Context(), EventFilter{Run: run}) {
		w.must(err)
		all++
	}
	if all != 20001 {
		t.Errorf("got %d events", all)
	}
}

func TestEventsInterrupted(t *testing.T) {
	w, _, _, _ := story(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	failed := 0
	for _, err := range w.audit.Events(ctx, EventFilter{}) {
		if err == nil {
			t.Error("an event was read after the interrupt")
		}
		failed++
	}
	if failed != 1 {
		t.Errorf("%d errors, want one", failed)
	}
}
