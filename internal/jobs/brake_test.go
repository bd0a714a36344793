package jobs

import (
	"strings"
	"testing"
	"time"

	"graphpatch/internal/budget"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// Rows are claimed up to a second before their slots and a bit. What has not left when its run is held is let go, in every
// worker, and no answer is lost.
func TestHoldReachesWhatIsClaimed(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	limit := budget.Limit{Requests: 400, Window: 20 * time.Second}
	run := k.enqueue(6500, userstatus.Compliant) // more slices than one worker works at once
	k.start(k.workerFor("a", "token", limit))
	k.start(k.workerFor("b", "token", limit))
	for range 3 {
		before := k.awaitThat(run, func(p ledger.Progress) bool { return p.State == ledger.Running }).Settled
		k.awaitThat(run, func(p ledger.Progress) bool {
			return p.Settled > before+10 && k.count(`SELECT count(DISTINCT worker) FROM in_flight`) == 2
		})
		if err := k.books.Hold(t.Context(), run, "tester", "look"); err != nil {
			t.Fatal(err)
		}
		held := time.Now()
		k.awaitThat(run, func(ledger.Progress) bool { return k.count(`SELECT count(*) FROM in_flight`) == 0 })
		k.awaitThat(run, func(ledger.Progress) bool {
			return k.count(`SELECT count(*) FROM river_job WHERE kind = 'slice' AND state = 'running'`) == 0
		})
		for _, r := range k.sim.Requests() {
			if after := r.At.Sub(held); after > time.Second {
				t.Errorf("a request came %s after the hold", after)
			}
		}
		if sent, events := len(k.sim.Requests()), k.count(`SELECT count(*) FROM audit_event WHERE row > 0`); sent != events {
			t.Errorf("%d events of %d requests", events, sent)
		}
		if err := k.enqueuer.Release(t.Context(), run, "tester", ""); err != nil {
			t.Fatal(err)
		}
	}
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > 60 })
	if n := k.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`); n != 0 {
		t.Errorf("%d rows are unknown", n)
	}
}

// A run whose rows all wait makes no claim; its box learns of a hold all the same.
func TestHoldReachesABoxThatWaits(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: faults(t, "503-bare:method=PATCH")})
	run := k.enqueue(1, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Transient == 2 }) // comes again after 5.6 s at the earliest
	if err := k.books.Hold(t.Context(), run, "tester", "look"); err != nil {
		t.Fatal(err)
	}
	held := time.Now()
	k.awaitThat(run, func(ledger.Progress) bool {
		return k.count(`SELECT count(*) FROM river_job WHERE kind = 'slice' AND state = 'completed'`) == 1
	})
	if took := time.Since(held); took > 5*time.Second {
		t.Errorf("the box ended %s after the hold: with its row, not with the hold", took)
	}
}

// A systematic fault spends some per cent of the rows and no more, whoever works them; a release goes on with the rest.
func TestFailuresHoldTheRun(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	limit := budget.Limit{Requests: 8000, Window: 20 * time.Second}
	run := k.enqueue(1500, userstatus.Compliant, func(n *ledger.NewRun) { n.MaxFailures = ledger.FailureLimit{Percent: 5, Share: true} })
	k.start(k.workerFor("a", "token", limit))
	k.start(k.workerFor("b", "token", limit))
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Applied > 200 })
	k.setFaults("403:method=PATCH")
	p := k.await(run, ledger.Held)
	if !strings.Contains(p.Reason, "more than 5 %): ") || !strings.Contains(p.Reason, " × 403 Forbidden: An error has occurred") || strings.Count(p.Reason, "×") != 1 {
		t.Errorf("got %s", p.Reason)
	}
	k.awaitThat(run, func(ledger.Progress) bool { return k.count(`SELECT count(*) FROM in_flight`) == 0 })
	k.setFaults()
	if err := k.enqueuer.Release(t.Context(), run, "tester", "granted"); err != nil {
		t.Fatal(err)
	}
	if p = k.await(run, ledger.Finished); p.Applied+p.Rejected != 1500 || p.Rejected > 750 {
		t.Errorf("got %+v", p)
	}
	if got := k.outcomes(run, 0); got != "enqueued held released finished" {
		t.Errorf("the run's own events: %q", got)
	}
	k.checkBooks(run, 1500)
}

// The first rows are sent, over more than one slice, and no other before somebody says so. The worker may be another one by
// then. Released at once, no slice is forgotten whose job was just about to end.
func TestCanaryOfManyRows(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	limit := budget.Limit{Requests: 10_000, Window: 20 * time.Second}
	run := k.enqueue(1300, userstatus.Compliant, func(n *ledger.NewRun) { n.CanaryRows = 1100 })
	stop := k.start(k.workerFor("first", "token", limit))
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > 20 })
	stop()
	k.start(k.workerFor("second", "token", limit))
	p := k.await(run, ledger.Held)
	if p.Settled != 1100 || p.Reason != "canary: 1,100 rows sent, 1,100 applied; a release sends the other 200" {
		t.Errorf("got %+v", p)
	}
	if n := k.sim.Stats().Requests; n != 1101 {
		t.Errorf("%d requests, want the canary's rows and the read of the first", n)
	}
	if err := k.enqueuer.Release(t.Context(), run, "tester", "it looks good"); err != nil {
		t.Fatal(err)
	}
	k.await(run, ledger.Finished)
	k.checkBooks(run, 1300)
}

// Canaries of all kinds of sizes, each released the instant it is held.
func TestCanariesReleasedAtOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.start(k.workerFor("w", "token", fast))
	for _, rows := range []int32{1, 1000} {
		run := k.enqueue(1002, userstatus.Compliant, func(n *ledger.NewRun) { n.CanaryRows = rows })
		if p := k.await(run, ledger.Held); p.Settled != int(rows) {
			t.Errorf("%d rows settled, want %d: %s", p.Settled, rows, p.Reason)
		}
		if err := k.enqueuer.Release(t.Context(), run, "tester", ""); err != nil {
			t.Fatal(err)
		}
		if p := k.await(run, ledger.Finished); p.Applied != 1002 {
			t.Errorf("got %+v", p)
		}
	}
}

// Rejected rows among the canary's: the first good one is read back, and the twenty at the start are watched as ever.
func TestCanaryOfManyRowsAndTheFirstOnes(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: faults(t, "404:first=3")})
	run := k.enqueue(60, userstatus.Compliant, func(n *ledger.NewRun) { n.CanaryRows = 3 })
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Held)
	if p.Rejected != 3 || p.Settled != 3 || p.Reason != "canary: 3 rows sent, 3 rejected; a release sends the other 57" {
		t.Errorf("got %+v", p)
	}
	if r := k.run(run); r.Canary != ledger.CanaryPending {
		t.Errorf("the first row's canary is %s, want pending: none was applied yet", r.Canary)
	}
	if err := k.enqueuer.Release(t.Context(), run, "tester", ""); err != nil {
		t.Fatal(err)
	}
	k.await(run, ledger.Finished)
	if got := strings.Join(k.methods()[:6], " "); got != "PATCH PATCH PATCH PATCH GET PATCH" {
		t.Errorf("it began with %s", got)
	}
	k.checkBooks(run, 60)
}
