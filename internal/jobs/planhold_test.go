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

func planHold(n *ledger.NewRun) { n.Blind, n.PlanHold = false, true }

// A plan is looked at before anything is sent, and made anew when that took longer than a day.
func TestPlanIsHeldForAPerson(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		k := newKit(t, graphsim.Config{PageSize: 30})
		k.seed(1, 80, userstatus.Compliant)
		k.seed(81, 100, userstatus.Error)
		run := k.enqueue(100, userstatus.Compliant, planHold)
		k.start(k.workerFor("w", "token", fast))
		p := k.await(run, ledger.Held)
		if p.Unchanged != 80 || p.Observed != 20 || p.Reason != "planned: 80 unchanged, 20 to change" {
			t.Errorf("got %+v", p)
		}
		if patches, _, _, _ := k.requests(); patches != 0 {
			t.Errorf("%d PATCHes before anybody looked", patches)
		}
		k.seed(81, 90, userstatus.Compliant) // somebody else's doing
		if old {
			// In a day the jobs have long ended; one that is about to would take the place of a new one.
			k.awaitThat(run, func(ledger.Progress) bool {
				return k.count(`SELECT count(*) FROM river_job WHERE kind = 'plan' AND state NOT IN ('completed', 'cancelled')`) == 0
			})
			k.exec(`UPDATE run SET planned_at = planned_at - interval '25 hours'`)
			k.exec(`UPDATE plan SET begun_at = begun_at - interval '25 hours'`)
		}
		if err := k.enqueuer.Release(t.Context(), run, "tester", "it looks good"); err != nil {
			t.Fatal(err)
		}
		p = k.await(run, ledger.Finished)
		if want := map[bool]int{false: 20, true: 10}[old]; p.Applied != want || p.Unchanged != 100-want {
			t.Errorf("a day old %v: got %+v", old, p)
		}
		k.checkBooks(run, 100)
	}
}

// hold, release and cancel are for a planning run what they are for a running one.
func TestHoldWhilePlanning(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{PageSize: 5})
	k.seed(1, 400, userstatus.Compliant)
	run := k.enqueue(400, userstatus.Compliant, readFirst)
	other := k.enqueue(400, userstatus.Error, readFirst)
	k.start(k.workerWith("w", "token", fast, budget.Limit{Requests: 1500, Window: 20 * time.Second}))
	pages := func() int { return k.count(`SELECT coalesce(min(pages), 0) FROM plan`) }
	k.awaitThat(run, func(ledger.Progress) bool { return k.count(`SELECT count(*) FROM plan`) == 2 && pages() > 2 })
	if err := k.books.Hold(t.Context(), run, "tester", "wait"); err != nil {
		t.Fatal(err)
	}
	if err := k.books.Cancel(t.Context(), other, "tester", ""); err != nil {
		t.Fatal(err)
	}
	k.await(run, ledger.Held)
	k.awaitThat(run, func(ledger.Progress) bool {
		return k.count(`SELECT count(*) FROM river_job WHERE kind = 'plan' AND state NOT IN ('completed', 'cancelled')`) == 0
	})
	asked := len(k.sim.Requests())
	if p := k.await(run, ledger.Held); p.Settled == 400 || p.Settled == 0 {
		t.Errorf("got %+v", p)
	}
	if now := len(k.sim.Requests()); now != asked {
		t.Errorf("%d requests after the runs stood still", now-asked)
	}
	if err := k.enqueuer.Release(t.Context(), run, "tester", ""); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Unchanged != 400 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 400)
}

// No planning run is left without a job.
func TestPlanWithoutAJobIsRevived(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.seed(1, 50, userstatus.Compliant)
	run := k.enqueue(50, userstatus.Compliant, readFirst)
	k.exec(`DELETE FROM river_job`)
	k.exec(`UPDATE run_count SET progress_at = progress_at - interval '4 minutes', looked_at = looked_at - interval '4 minutes'`)
	k.start(k.workerFor("w", "token", fast))
	if p := k.await(run, ledger.Finished); p.Unchanged != 50 {
		t.Errorf("got %+v", p)
	}
}

// The canary's rows are those that are sent, and so are the rows among which failures count.
func TestCanaryOfAPlannedRun(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.seed(1, 500, userstatus.Compliant)
	k.seed(501, 600, userstatus.Error)
	k.seed(601, 1200, userstatus.Compliant)
	k.seed(1201, 1300, userstatus.Error)
	run := k.enqueue(1300, userstatus.Compliant, readFirst, func(n *ledger.NewRun) { n.CanaryRows = 120 })
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Held)
	if p.Applied != 120 || p.Unchanged != 1100 || !strings.HasPrefix(p.Reason, "canary: 120 rows sent") {
		t.Errorf("got %+v", p)
	}
	if err := k.enqueuer.Release(t.Context(), run, "tester", "it looks good"); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Applied != 200 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 1300)
}

// An older value never overwrites a newer one, also when the newer one was there already as it was planned.
func TestOlderRunAfterAPlan(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.seed(1, 10, userstatus.Compliant)
	older := k.enqueue(10, userstatus.Error, func(n *ledger.NewRun) { n.Hold = true })
	newer := k.enqueue(10, userstatus.Compliant, readFirst)
	k.start(k.workerFor("w", "token", fast))
	// The older run may still be released, so what was read proves nothing.
	if p := k.await(newer, ledger.Finished); p.Unchanged != 0 || p.Applied != 10 {
		t.Errorf("newer: %+v", p)
	}
	// Of a third one the rows are as they are wanted; then it is held, and supersedes the older run's all the same.
	third := k.enqueue(10, userstatus.Compliant, readFirst)
	k.exec(`UPDATE run SET finished_at = finished_at - interval '5 minutes' WHERE id = $1`, newer)
	if err := k.enqueuer.Release(t.Context(), older, "tester", ""); err != nil {
		t.Fatal(err)
	}
	if p := k.await(older, ledger.Finished); p.Superseded != 10 {
		t.Errorf("older: %+v", p)
	}
	k.await(third, ledger.Finished)
	k.checkStatuses(10, userstatus.Compliant)
}

// With a recheck, or when a person approved the plan, what somebody else has changed since it was read is not overwritten.
func TestRecheck(t *testing.T) {
	t.Parallel()
	for how, wants := range map[string]struct {
		options ledger.Options
		old     string
	}{
		"a recheck":   {ledger.Options{Recheck: true}, "6 minutes"},
		"an approval": {ledger.Options{Approval: true}, "1 minute"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			rechecked(t, wants.options, wants.old)
		})
	}
}

func rechecked(t *testing.T, options ledger.Options, old string) {
	t.Helper()
	k := newKit(t, graphsim.Config{Strict: true})
	k.seed(1, 40, userstatus.Error)
	run := k.enqueue(41, userstatus.Compliant, planHold, func(n *ledger.NewRun) { n.Options = options })
	k.start(k.workerFor("w", "token", fast))
	k.await(run, ledger.Held)
	k.seed(1, 5, userstatus.NotApplicable) // somebody else's doing
	k.seed(6, 10, userstatus.Compliant)
	k.seed(41, 41, userstatus.Conflict) // was not there
	k.exec(`ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only`)
	k.exec(`UPDATE audit_event SET recorded_at = recorded_at - interval '` + old + `' WHERE row BETWEEN 1 AND 30 OR row = 41`)
	if err := k.enqueuer.Release(t.Context(), run, "tester", "it looks good"); err != nil {
		t.Fatal(err)
	}
	p := k.await(run, ledger.Finished)
	if p.Moved != 6 || p.Unchanged != 5 || p.Applied != 30 {
		t.Errorf("got %+v", p)
	}
	for row, want := range map[int]string{3: "observed moved!", 8: "observed unchanged!", 20: "observed observed applied!", 35: "observed applied!", 41: "observed moved!"} {
		if got := k.outcomes(run, row); got != want {
			t.Errorf("row %d: got %s", row, got)
		}
	}
	if n := k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND outcome = 'moved' AND error LIKE '%status; status is "notApplicable", not "compliant"%'`, run); n != 5 {
		t.Errorf("%d moved rows say what has changed", n)
	}
	k.checkBooks(run, 41)
}
