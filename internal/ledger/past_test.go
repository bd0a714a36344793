package ledger

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// What is read to come to a verdict is kept beside it: it settles nothing, costs nothing, and is there once.
func TestReadsBesideAnAnswer(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	c := k.claimOne(run)
	read := func(outcome string, status int) Event {
		e := answer(run, c, outcome, "")
		e.ID, e.Method, e.Status, e.Spared = uuid.New(), "GET", status, true
		return e
	}
	e := answer(run, c, "transient", "")
	e.Status, e.Reads = 500, []Event{read("transient", 500), read("observed", 200)}
	k.record(e)
	k.record(e) // the answer to the COMMIT was lost
	if got, want := k.events(run, 1), []string{"transient", "transient", "observed"}; !equalAsSets(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if diff := cmp.Diff(Past{Charged: 1, Last: "transient"}, k.open(run)[0].Past, cmpopts.IgnoreFields(Past{}, "Age")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := k.count(`SELECT requests * 100 + transient * 10 + observed FROM run_count WHERE run = $1`, run.ID); n != 321 {
		t.Errorf("requests, transient, observed are %d, want 3, 2, 1", n)
	}
}

func equalAsSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// What was spared does not count, conflicts count by themselves as well, and an answer that refused the run counts nothing.
func TestPastOfARow(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	var told Past
	for i, step := range []struct {
		outcome string
		status  int
		spared  bool
		want    Past
	}{
		{"transient", 500, false, Past{Charged: 1, Last: "transient"}},
		{"transient", 503, true, Past{Charged: 1, Last: "transient", Spared: true}},
		{"transient", 412, false, Past{Charged: 2, Contended: 1, Last: "transient"}},
		{"throttled", 429, false, Past{Charged: 2, Contended: 1, Last: "throttled"}},
		{"refused", 403, false, Past{Charged: 2, Contended: 1, Last: "refused"}},
		{"unknown", 0, false, Past{Charged: 3, Contended: 1, Last: "unknown"}},
		{"unauthorized", 401, false, Past{Charged: 3, Contended: 1, Last: "unauthorized"}},
	} {
		e := answer(run, k.claimOne(run), step.outcome, "")
		e.Status, e.Spared = step.status, step.spared
		k.record(e)
		told = told.Then(Past{Last: step.outcome, Spared: step.spared}, step.status)
		got := k.open(run)[0].Past
		if diff := cmp.Diff(step.want, got, cmpopts.IgnoreFields(Past{}, "Age")); diff != "" {
			t.Errorf("step %d, from the events (-want +got):\n%s", i+1, diff)
		}
		if diff := cmp.Diff(step.want, told); diff != "" {
			t.Errorf("step %d, told (-want +got):\n%s", i+1, diff)
		}
	}
	if p := k.progress(run); p.Refused != 1 || p.Settled != 0 {
		t.Errorf("got %+v", p)
	}
}
