package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

func TestEveryRowIsSentOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(2345, userstatus.Compliant)
	w := k.workerFor("w", "token", fast)
	k.start(w)
	p := k.await(run, ledger.Finished)
	if p.Applied != 2345 || p.Settled != 2345 {
		t.Errorf("got %+v", p)
	}
	if stats := k.sim.Stats(); stats.Requests != 2346 {
		t.Errorf("Graph saw %d requests, want one for each row and the read of the canary", stats.Requests)
	}
	k.checkBooks(run, 2345)
	k.checkStatuses(2345, userstatus.Compliant)
	if idle, err := w.Idle(t.Context()); err != nil || !idle {
		t.Errorf("idle %v, %v after everything was done", idle, err)
	}
}

func TestFaultsAlongTheWay(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{
		FaultRetryAfter: "0.2",
		Faults: []graphsim.Fault{
			{Kind: "429", Rate: 0.02}, {Kind: "503", Rate: 0.02}, {Kind: "500", Rate: 0.02}, {Kind: "504", Rate: 0.02}, {Kind: "reset", Rate: 0.02},
			{Kind: "404", StatusID: user(7)}, {Kind: "403", StatusID: user(8)},
		},
	})
	run := k.enqueue(300, userstatus.NonCompliant)
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Finished)
	if p.Applied != 298 || p.Rejected != 2 || p.Throttled == 0 || p.Transient == 0 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 300)
	for _, row := range []int{7, 8} {
		if got := k.outcomes(run, row); !strings.HasSuffix(got, "rejected!") || strings.Count(got, "rejected") != 1 {
			t.Errorf("row %d: got %q", row, got)
		}
	}
}

// A throttled answer stops everybody until the very time that Graph named. The worker notes the pause before it records
// the answer, so what is looked at begins with the record; a quarter of a second more is for a request that had passed
// its last look at the clock when the answer came.
func TestPauseHoldsToItsEnd(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{FaultRetryAfter: "2", Faults: []graphsim.Fault{{Kind: "429", Rate: 0.005}, {Kind: "503", Rate: 0.005}}})
	run := k.enqueue(600, userstatus.Compliant)
	k.start(k.workerFor("w", "token", budget.Limit{Requests: 4000, Window: 20 * time.Second}))
	p := k.await(run, ledger.Finished)
	if p.Applied != 600 || p.Throttled == 0 {
		t.Errorf("got %+v", p)
	}
	if n := k.count(`
		SELECT count(*) FROM audit_event t JOIN audit_event n ON n.run = t.run AND n.row > 0
		WHERE t.run = $1 AND t.outcome = 'throttled'
		  AND n.sent_at > t.recorded_at + interval '250 ms'
		  AND n.sent_at < t.sent_at + make_interval(secs => t.elapsed_us / 1e6) + interval '2 s'`, run); n != 0 {
		t.Errorf("%d requests left while Graph had asked everybody to wait", n)
	}
}

func TestTheLimitHolds(t *testing.T) {
	t.Parallel()
	limit := budget.Limit{Requests: 100, Window: time.Second}
	k := newKit(t, graphsim.Config{WriteLimit: graphsim.Limit{Requests: 100, Window: time.Second}})
	run := k.enqueue(400, userstatus.Compliant)
	k.start(k.workerFor("w", "token", limit))
	if p := k.await(run, ledger.Finished); p.Throttled != 0 {
		t.Errorf("%d throttled answers below the limit", p.Throttled)
	}
	if stats := k.sim.Stats(); stats.WorstWindowWrites > 100 {
		t.Errorf("%d requests in one window, the limit is 100", stats.WorstWindowWrites)
	}
}

// The token is refused: no row is spent, the run waits for a person, and goes on where it was.
func TestRefusedTokenHoldsTheRun(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Tokens: []string{"good"}})
	run := k.enqueue(50, userstatus.Compliant)
	stop := k.start(k.workerFor("bad", "stale", fast))
	p := k.await(run, ledger.Held)
	if p.Settled != 0 || p.Unauthorized == 0 || !strings.Contains(p.Reason, "token") {
		t.Errorf("got %+v", p)
	}
	stop()
	if n := k.count(`SELECT count(*) FROM in_flight`); n != 0 {
		t.Errorf("%d rows are left in flight", n)
	}
	k.start(k.workerFor("good", "good", fast))
	if err := k.enqueuer.Release(t.Context(), run, "tester", "new token"); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Applied != 50 {
		t.Errorf("got %+v", p)
	}
	if got := k.outcomes(run, 0); got != "enqueued held released finished" {
		t.Errorf("the run's own events: %q", got)
	}
	k.checkBooks(run, 50)
}

func TestBrake(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	limit := budget.Limit{Requests: 1000, Window: 20 * time.Second}
	k.start(k.workerFor("w", "token", limit))
	run := k.enqueue(200, userstatus.Compliant)
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > 5 })
	if err := k.books.Hold(t.Context(), run, "tester", "lunch"); err != nil {
		t.Fatal(err)
	}
	k.awaitThat(run, func(ledger.Progress) bool { return k.count(`SELECT count(*) FROM in_flight`) == 0 })
	held := k.await(run, ledger.Held)
	if held.Settled >= 200 {
		t.Fatalf("got %+v: nothing was left to hold", held)
	}
	sent := k.sim.Stats().Requests
	if err := k.enqueuer.Release(t.Context(), run, "tester", ""); err != nil {
		t.Fatal(err)
	}
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > held.Settled })
	if err := k.books.Cancel(t.Context(), run, "tester", "a mistake"); err != nil {
		t.Fatal(err)
	}
	k.awaitThat(run, func(ledger.Progress) bool { return k.count(`SELECT count(*) FROM in_flight`) == 0 })
	if p := k.await(run, ledger.Cancelled); p.Settled >= 200 || k.sim.Stats().Requests <= sent {
		t.Errorf("got %+v after %d requests, %d at the hold", p, k.sim.Stats().Requests, sent)
	}
	if n := k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND final`, run); uint64(n) != k.sim.Stats().Applied {
		t.Errorf("%d rows settled, %d applied by Graph", n, k.sim.Stats().Applied)
	}
}

// A run enqueued on hold has no jobs; release makes them.
func TestReleaseOfARunOnHold(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(1500, userstatus.Compliant, func(n *ledger.NewRun) { n.Hold = true })
	if n := k.count(`SELECT count(*) FROM river_job`); n != 0 {
		t.Errorf("a held run has %d jobs", n)
	}
	k.start(k.workerFor("w", "token", fast))
	if err := k.enqueuer.Release(t.Context(), run, "tester", ""); err != nil {
		t.Fatal(err)
	}
	k.await(run, ledger.Finished)
	k.checkBooks(run, 1500)
}

// Somebody deleted the jobs: a run without progress gets them anew.
func TestRunWithoutJobsEnds(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(2500, userstatus.Compliant)
	k.exec(`DELETE FROM river_job`)
	k.exec(`UPDATE run_count SET progress_at = progress_at - interval '4 min', looked_at = looked_at - interval '4 min'`)
	k.start(k.workerFor("w", "token", fast))
	k.await(run, ledger.Finished)
	k.checkBooks(run, 2500)
}

// The worker stops in the middle: nothing is left in flight, and the next one does the rest.
func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Latency: 50 * time.Millisecond})
	limit := budget.Limit{Requests: 4000, Window: 20 * time.Second}
	run := k.enqueue(400, userstatus.Compliant)
	stop := k.start(k.workerFor("first", "token", limit))
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > 20 })
	stop()
	p, err := k.books.Progress(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if n := k.count(`SELECT count(*) FROM in_flight`); n != 0 || p.Unknown != 0 {
		t.Errorf("%d rows are left in flight, %d unknown", n, p.Unknown)
	}
	if sent := k.sim.Stats().Requests; uint64(p.Settled)+1 != sent || p.Settled == 400 {
		t.Errorf("%d rows settled after %d requests: want the same and the read of the canary, and some rows open", p.Settled, sent)
	}
	k.start(k.workerFor("second", "token", fast))
	k.await(run, ledger.Finished)
	k.checkBooks(run, 400)
}

// The database's connections are cut again and again: the worker waits and goes on, nothing is lost.
func TestDatabaseConnectionsCut(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(1200, userstatus.Compliant)
	k.start(k.workerFor("w", "token", budget.Limit{Requests: 8000, Window: 20 * time.Second}))
	for cut := 100; cut <= 900; cut += 200 {
		k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled >= cut })
		k.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE '%ledger'`)
	}
	// Claims whose COMMIT was cut may be left: their lease is over now.
	k.awaitThat(run, func(p ledger.Progress) bool {
		k.exec(`UPDATE in_flight SET since = since - interval '91 s' WHERE since < clock_timestamp() - interval '10 s'`)
		return p.State == ledger.Finished
	})
	if n := k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND final`, run); n != 1200 {
		t.Errorf("%d rows have a final event", n)
	}
	k.checkStatuses(1200, userstatus.Compliant)
}

// Two runs over the same users, worked at once by three workers: the last run wins for every status.
func TestLastRunWins(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Jitter: 5 * time.Millisecond})
	limit := budget.Limit{Requests: 2000, Window: 20 * time.Second}
	first := k.enqueue(500, userstatus.Compliant)
	k.start(k.workerFor("a", "token", limit))
	k.start(k.workerFor("b", "token", limit))
	k.start(k.workerFor("c", "token", limit))
	k.awaitThat(first, func(p ledger.Progress) bool { return p.Settled > 50 })
	// Held while the second run comes, so that there is certainly something left to supersede.
	if err := k.books.Hold(t.Context(), first, "tester", ""); err != nil {
		t.Fatal(err)
	}
	second := k.enqueue(500, userstatus.Error)
	if err := k.enqueuer.Release(t.Context(), first, "tester", ""); err != nil {
		t.Fatal(err)
	}
	k.await(second, ledger.Finished)
	k.await(first, ledger.Finished)
	k.checkStatuses(500, userstatus.Error)
	k.checkBooks(first, 500)
	if p := k.await(first, ledger.Finished); p.Superseded == 0 {
		t.Errorf("got %+v: nothing was superseded", p)
	}
}

func TestRouteOfBetaHoldsARunOfV1(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.route, k.version = "root", "v1.0"
	run := k.enqueue(3, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	if p := k.await(run, ledger.Held); !strings.Contains(p.Reason, "GRAPH_API_VERSION") {
		t.Errorf("got %+v", p)
	}
	if n := k.sim.Stats().Requests; n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func wishes(open []ledger.OpenRow) []ledger.Wish {
	all := make([]ledger.Wish, len(open))
	for i := range open {
		all[i] = ledger.Wish{Row: &open[i], ID: uuid.New()}
	}
	return all
}
