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

// slow leaves time to do something in the middle of a run.
var slow = budget.Limit{Requests: 2000, Window: 20 * time.Second}

// Nothing gets through for a while: the rows are parked, not used up, and go on by themselves when it passes.
func TestOutageParksTheRows(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"503-bare", "reset"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, graphsim.Config{})
			run := k.enqueue(300, userstatus.Compliant)
			k.start(k.workerFor("w", "token", slow))
			k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > 20 })
			k.setFaults(kind + ":100%")
			// Several pauses: the first takes a second, the next two.
			k.awaitThat(run, func(ledger.Progress) bool {
				return strings.Contains(k.run(run).Reason, "nothing gets through") &&
					k.count(`SELECT count(DISTINCT date_trunc('second', sent_at)) FROM audit_event WHERE run = $1 AND spared AND method = 'PATCH'`, run) >= 2
			})
			during := k.sim.Stats().Requests
			k.setFaults()
			p := k.await(run, ledger.Finished)
			if p.Applied != 300 {
				t.Errorf("got %+v", p)
			}
			if n := k.count(`
				SELECT coalesce(max(n), 0) FROM (
					SELECT count(*) n FROM audit_event WHERE run = $1 AND outcome IN ('transient', 'unknown') AND NOT spared GROUP BY row) charged`, run); n > 1 {
				t.Errorf("a row was charged %d attempts", n)
			}
			if during > 250 {
				t.Errorf("%d requests while nothing got through", during)
			}
			if r := k.run(run); r.Reason != "" {
				t.Errorf("the finished run waits for %q", r.Reason)
			}
			k.checkBooks(run, 300)
		})
	}
}

// Bad rows at the end of a run are not an outage: what is read gets through, so their attempts count.
func TestBadRowsAreNoOutage(t *testing.T) {
	t.Parallel()
	var all []string
	for n := 11; n <= 20; n++ {
		all = append(all, "500:method=PATCH:status="+user(n))
	}
	k := newKit(t, graphsim.Config{Faults: faults(t, all...)})
	run := k.enqueue(20, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Applied == 10 && p.Transient >= 20 })
	if n := k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND spared AND method = 'PATCH'`, run); n != 0 {
		t.Errorf("%d attempts were spared", n)
	}
}

// A row that meets nothing but passing faults is given up in the end, and the run ends with it.
func TestARowIsGivenUp(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: faults(t, "500:method=PATCH:status="+user(2))})
	k.attempts = 2
	run := k.enqueue(3, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	if p := k.await(run, ledger.Finished); p.Failed != 1 || p.Applied != 2 {
		t.Errorf("got %+v", p)
	}
	if got := k.outcomes(run, 2); got != "transient failed!" {
		t.Errorf("got %q", got)
	}
	k.checkBooks(run, 3)
}

// A status that Graph will not change because nothing would change is as it is wanted: once a read says so.
func TestNothingToChange(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{NoOp400: true})
	first := k.enqueue(50, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	k.await(first, ledger.Finished)
	again := k.enqueue(50, userstatus.Compliant)
	if p := k.await(again, ledger.Finished); p.Unchanged != 50 || p.Observed != 50 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(again, 50)

	// One that is not as it is wanted, whatever Graph says, is rejected.
	k.setFaults("noop:method=PATCH:status=" + user(3))
	other := k.enqueue(5, userstatus.Error)
	if p := k.await(other, ledger.Finished); p.Applied != 4 || p.Rejected != 1 {
		t.Errorf("got %+v", p)
	}
	if got := k.outcomes(other, 3); !strings.Contains(got, "rejected!") || !strings.Contains(got, "observed") {
		t.Errorf("got %q", got)
	}
}
