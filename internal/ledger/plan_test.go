package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// planning is a planning run of these updates, with its parts.
func (k *kit) planning(change func(*NewRun), updates ...userstatus.Update) Run {
	k.t.Helper()
	n := k.newRun(updates)
	n.Blind = false
	change(&n)
	if err := k.importRun(n, rowsOf(updates)); err != nil {
		k.t.Fatal(err)
	}
	if ok, err := k.Survey(k.t.Context(), n.ID); err != nil || !ok {
		k.t.Fatal(ok, err)
	}
	return k.run(n.ID)
}

func (k *kit) part(run Run, number int32) *Part {
	k.t.Helper()
	p, err := k.Part(k.t.Context(), run, number)
	if err != nil {
		k.t.Fatal(err)
	}
	return p
}

// look is what one page showed of the part's rows: of some that they are as they are wanted.
func (k *kit) look(p *Part, unchanged ...int32) error {
	k.t.Helper()
	rows, err := k.Unread(k.t.Context(), p, 1000)
	if err != nil {
		k.t.Fatal(err)
	}
	page := Event{Run: p.Run, ID: uuid.New(), Outcome: "observed", Method: "GET", URL: "https://graph/list", SentAt: time.Now(), Status: 200}
	found := make([]Event, len(rows))
	for i, r := range rows {
		found[i] = Event{Run: p.Run, Row: r.Row, Key: r.Key, ID: page.ID, Outcome: "observed", Method: "GET", SentAt: page.SentAt, Status: 200}
		if slices.Contains(unchanged, r.Row) {
			found[i].Settles = "unchanged"
			p.Unchanged++
		} else {
			p.Differ++
		}
	}
	p.Done = p.Left() == 0
	_, err = k.Step(k.t.Context(), p, &page, found)
	return err
}

func (k *kit) finishPlan(run Run) Run {
	k.t.Helper()
	err := pgx.BeginFunc(k.t.Context(), k.pool, func(tx pgx.Tx) (err error) {
		run, err = FinishPlan(k.t.Context(), tx, run.ID, "worker")
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return run
}

func asPlanned(*NewRun) {}

// Two workers read the same page. The one that writes it down later settles nothing and counts nothing twice; its request is
// recorded all the same.
func TestOnePlansAPage(t *testing.T) {
	k := newKit(t)
	run := k.planning(asPlanned, want(1, userstatus.Compliant), want(2, userstatus.Compliant), want(3, userstatus.Compliant))
	first, second := k.part(run, 1), k.part(run, 1)
	if err := k.look(first, 1, 2); err != nil {
		t.Fatal(err)
	}
	if err := k.look(second, 3); !errors.Is(err, ErrPlanned) {
		t.Errorf("got %v", err)
	}
	if p := k.progress(run); p.Unchanged != 2 || p.Observed != 1 {
		t.Errorf("got %+v", p)
	}
	if n := k.count(`SELECT requests FROM run_count`); n != 2 {
		t.Errorf("%d requests are counted", n)
	}
	if diff := cmp.Diff(first, k.part(run, 1)); diff != "" {
		t.Errorf("-first +now\n%s", diff)
	}
	if run = k.finishPlan(run); run.State != Running {
		t.Errorf("got %+v", run)
	}
	if again := k.finishPlan(run); again.State != Running || k.count(`SELECT count(*) FROM audit_event WHERE outcome = 'planned'`) != 1 {
		t.Error("it was planned twice")
	}
}

// What a request changes that is on its way is read half: the plan waits until its answer has come.
func TestSurveyWaitsForAnswers(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	c := k.claimOne(run)
	k.exec(`UPDATE run SET blind = false`)
	if err := k.Hold(t.Context(), run.ID, "me", ""); err != nil {
		t.Fatal(err)
	}
	if err := k.Release(t.Context(), run.ID, "me", ""); err != nil {
		t.Fatal(err)
	}
	if ok, err := k.Survey(t.Context(), run.ID); err != nil || ok || k.run(run.ID).State != Planning {
		t.Errorf("got %v, %v", ok, err)
	}
	k.record(answer(run, c, "transient", ""))
	if ok, err := k.Survey(t.Context(), run.ID); err != nil || !ok || k.count(`SELECT count(*) FROM plan`) != 1 {
		t.Errorf("got %v, %v", ok, err)
	}
	if claims := k.claimAll(k.run(run.ID)); claims[0].Fate != Busy {
		t.Error("a row of a planning run is claimed")
	}
}

// What a run has written a moment ago may not be seen yet. A new run waits for that to pass.
func TestSurveyAfterAnotherRun(t *testing.T) {
	k := newKit(t)
	k.settle(k.imported(want(1, userstatus.Compliant)), "applied")
	n := k.newRun([]userstatus.Update{want(1, userstatus.Compliant)})
	n.Blind = false
	if err := k.importRun(n, rowsOf([]userstatus.Update{want(1, userstatus.Compliant)})); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		passes string
		want   bool
	}{
		{`SELECT`, false},
		{`UPDATE run SET created_at = created_at - interval '11 s' WHERE id = (SELECT max(id) FROM run)`, true},
		{`UPDATE run SET created_at = created_at + interval '11 s' WHERE id = (SELECT max(id) FROM run); DELETE FROM plan`, false},
		{`UPDATE run SET finished_at = finished_at - interval '6 s'`, true},
	} {
		k.exec(step.passes)
		if ok, err := k.Survey(t.Context(), n.ID); err != nil || ok != step.want {
			t.Errorf("%s: got %v, %v", step.passes, ok, err)
		}
	}
}

// A canary of so many rows is of rows that are sent, also when the run is planned once more in the middle of it.
func TestCanaryAfterTwoPlans(t *testing.T) {
	k := newKit(t)
	var updates []userstatus.Update
	for user := range 8 {
		updates = append(updates, want(user, userstatus.Compliant))
	}
	run := k.planning(func(n *NewRun) { n.CanaryRows, n.PlanHold = 3, true }, updates...)
	if err := k.look(k.part(run, 1), 1, 2, 4); err != nil {
		t.Fatal(err)
	}
	if run = k.finishPlan(run); run.State != Held || run.CanaryRows != 6 { // rows 3, 5 and 6
		t.Errorf("got %+v", run)
	}
	k.exec(`UPDATE run SET planned_at = planned_at - interval '25 hours'; UPDATE plan SET begun_at = begun_at - interval '25 hours'`)
	if err := k.Release(t.Context(), run.ID, "me", ""); err != nil {
		t.Fatal(err)
	}
	if run = k.run(run.ID); run.State != Planning || run.CanaryRows != 3 || run.PlanHold {
		t.Errorf("got %+v", run)
	}
	if ok, err := k.Survey(t.Context(), run.ID); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if p := k.part(run, 1); p.Rows != 5 {
		t.Errorf("%d rows are read again, want the open ones", p.Rows)
	}
	if err := k.look(k.part(run, 1), 3); err != nil {
		t.Fatal(err)
	}
	if run = k.finishPlan(run); run.State != Running || run.CanaryRows != 7 { // rows 5, 6 and 7
		t.Errorf("got %+v", run)
	}
	k.settle(run, "applied")
	if run = k.run(run.ID); run.State != Finished {
		t.Errorf("got %+v", run)
	}
}

// What is sent without a plan at a person's word is not planned later.
func TestReleaseBlind(t *testing.T) {
	k := newKit(t)
	run := k.planning(asPlanned, want(1, userstatus.Compliant))
	for range 2 {
		if err := k.Hold(t.Context(), run.ID, "me", ""); err != nil {
			t.Fatal(err)
		}
		if err := k.ReleaseBlind(t.Context(), run.ID, "me", ""); err != nil || k.run(run.ID).State != Running {
			t.Errorf("got %v, %+v", err, k.run(run.ID))
		}
	}
	if err := k.Hold(t.Context(), run.ID, "me", ""); err != nil {
		t.Fatal(err)
	}
	if err := k.Release(t.Context(), run.ID, "me", ""); err != nil || k.run(run.ID).State != Running {
		t.Errorf("got %v, %+v", err, k.run(run.ID))
	}
}
