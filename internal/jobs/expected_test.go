package jobs

import (
	"fmt"
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// enqueueExpecting imports n rows that ask for the status compliant and are sent only if the status is error.
func (k *kit) enqueueExpecting(origin int64, n int) int64 {
	k.t.Helper()
	run := ledger.NewRun{
		Kind: "revert", Name: "test", Actor: "tester", Tenant: tenant, Priority: 2, Source: struct{}{}, Again: true, Fingerprint: [32]byte{1}, Origin: origin, Blind: true,
	}
	id, _, err := k.enqueuer.Import(k.t.Context(), run, func(yield func(userstatus.Row, error) bool) {
		for i := range n {
			row := userstatus.Row{Number: int32(i + 1), Line: int64(i + 2), Expects: `{"status":"error"}`, Update: userstatus.Update{
				Target: userstatus.Target{Tenant: tenant, Route: k.route, ConfigurationID: "c", StatusID: user(i + 1)},
				Wanted: userstatus.Wanted{Status: userstatus.Of(userstatus.Compliant)},
			}}
			if !yield(row, nil) {
				return
			}
		}
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return id
}

// A row that expects something is read before it is sent, whatever else happens, and sent only if it finds that.
func TestRowsThatExpectSomething(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.attempts = 2
	const rows = 60
	// 1 to 50 are as they are expected, 51 to 55 were changed since, 56 are as they are wanted, 57 to 60 are gone.
	k.tell("statuses", statusesOf(1, 50, userstatus.Error))
	k.tell("statuses", statusesOf(51, 55, userstatus.Conflict))
	k.tell("statuses", statusesOf(56, 56, userstatus.Compliant))
	k.setFaults("500:method=GET:first=1:status=user-0010", "500:method=GET:status=user-0020", "403:method=GET:status=user-0021",
		"429:method=GET:first=1:status=user-0030", "503:method=PATCH:first=1:status=user-0040", "500:method=PATCH:first=1:status=user-0041")
	run := k.enqueueExpecting(k.enqueue(1, userstatus.Error, held), rows)
	k.start(k.workerFor("alive", "token", fast))
	p := k.await(run, ledger.Finished)
	if p.Applied != 48 || p.Moved != 5 || p.Missing != 4 || p.Unchanged != 1 || p.Failed != 1 || p.Rejected != 1 {
		t.Errorf("got %+v", p)
	}
	for row, want := range map[int]string{
		2: "observed applied!", 10: "transient observed applied!", 20: "transient failed!", 21: "rejected!", 30: "throttled observed applied!",
		51: "moved!", 56: "unchanged!", 57: "missing!",
	} {
		if got := k.outcomes(run, row); got != want {
			t.Errorf("row %d: got %q, want %q", row, got, want)
		}
	}
	// A row that was read goes before those that were not: otherwise what was read of it would be old again by its turn.
	if first := k.sim.Requests()[:2]; first[0].Method != "GET" || first[1].Method != "PATCH" || first[0].Path != first[1].Path {
		t.Errorf("first came %s %s, then %s %s", first[0].Method, first[0].Path, first[1].Method, first[1].Path)
	}
	read := map[string]bool{}
	for _, r := range k.sim.Requests() {
		id := r.Path[strings.LastIndex(r.Path, "/")+1:]
		switch {
		case r.Method == "GET" && r.Status == 200:
			read[id] = true
		case r.Method == "PATCH" && !read[id]:
			t.Errorf("%s was sent before it was read", id)
		case r.Method == "PATCH" && id > user(50):
			t.Errorf("%s was sent, although it was not as expected", id)
		}
	}
	for row, why := range map[int]string{
		51: `not taken back: it was changed since the run: status is "conflict", not "error"`, 57: "not taken back: there is no such status any more",
		20: "not taken back, because it cannot be read: %", 21: "not taken back, because it cannot be read: %",
	} {
		if k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND row = $2 AND final AND error LIKE $3`, run, row, why) != 1 {
			t.Errorf("row %d does not say: %s", row, why)
		}
	}
	k.checkBooks(run, rows)
}

// What cannot be read is not read again at once by whoever opens the slice next, and its reads are counted over all of them.
func TestUnreadRowsWait(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueueExpecting(k.enqueue(1, userstatus.Error, held), 1)
	for range 3 {
		k.exec(`INSERT INTO audit_event (run, row, outcome, method, client_request_id) VALUES ($1, 1, 'transient', 'GET', gen_random_uuid())`, run)
	}
	k.exec(`INSERT INTO audit_event (run, row, outcome, method, client_request_id) VALUES ($1, 1, 'throttled', 'GET', gen_random_uuid())`, run)
	open, err := k.books.Open(t.Context(), k.run(run), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	row := &open[0]
	if row.Unread != 3 || row.Expects != `{"status":"error"}` || !row.SeenAt.IsZero() {
		t.Errorf("got %+v", row.Expectation)
	}
	if wait, full := dueUnread(run, row), backoff(run, 1, 3); wait <= 0 || wait > full {
		t.Errorf("it comes again after %s, want up to %s", wait, full)
	}
	row.UnreadAge = backoff(run, 1, 3)
	if wait := dueUnread(run, row); wait != 0 {
		t.Errorf("later it waits %s", wait)
	}
}

// Whatever is in the column, a row of which it does not say what to find is never sent.
func TestExpectationsThatCannotBeHeld(t *testing.T) {
	t.Parallel()
	var asks userstatus.Wanted
	for p, text := range map[userstatus.Properties]string{userstatus.Status: "compliant", userstatus.DevicesCount: "3"} {
		if err := asks.Set(p, text); err != nil {
			t.Fatal(err)
		}
	}
	var present userstatus.Observed
	if err := present.UnmarshalJSON([]byte(`{"status":"error","devicesCount":1,"userDisplayName":"Ada"}`)); err != nil {
		t.Fatal(err)
	}
	for expects, want := range map[string]string{
		`{"status":"error","devicesCount":1}`:                         "",
		`{"status":"error","devicesCount":1,"userDisplayName":"Eve"}`: "", // of what is not sent nothing is expected
		`{"status":"error","devicesCount":2}`:                         "moved not taken back: it was changed since the run: devicesCount is 1, not 2",
		`{"status":"error"}`:                                          "failed the row does not say what it expects of devicesCount",
		`{"status":"brandNew","devicesCount":1}`:                      "failed what the row expects cannot be read",
		`{`:                                                           "failed what the row expects cannot be read",
	} {
		f := &flight{claim: ledger.Claim{Send: asks, Wish: ledger.Wish{Row: &ledger.OpenRow{Expectation: ledger.Expectation{Expects: expects}}}}}
		settles, why := f.changed(present)
		if got := strings.TrimSpace(fmt.Sprint(settles, " ", why)); got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: got %q, want %q", expects, got, want)
		}
	}
}

func held(n *ledger.NewRun) { n.Hold = true }
