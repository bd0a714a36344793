package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// braked is a running run of n rows with limits.
func (k *kit) braked(n int, change func(*NewRun)) Run {
	k.t.Helper()
	updates := make([]userstatus.Update, n)
	for i := range updates {
		updates[i] = want(i+1, userstatus.Compliant)
	}
	run := k.newRun(updates)
	change(&run)
	if err := k.importRun(run, rowsOf(updates)); err != nil {
		k.t.Fatal(err)
	}
	return k.run(run.ID)
}

// fly claims the next n open rows of the run.
func (k *kit) fly(run Run, n int) []Claim {
	k.t.Helper()
	claims, _, err := k.Claim(k.t.Context(), run, wishesFor(k.open(run)[:n]))
	if err != nil {
		k.t.Fatal(err)
	}
	for _, c := range claims {
		if c.Fate != Claimed {
			k.t.Fatalf("row %d is not claimed", c.Row.Row)
		}
	}
	return claims
}

// land records one answer for all of them.
func (k *kit) land(run Run, claims []Claim, outcome, settles string, status int, problem string) []Change {
	k.t.Helper()
	events := make([]Event, len(claims))
	for i, c := range claims {
		events[i] = answer(run, c, outcome, settles)
		events[i].Status = status
		if problem != "" {
			events[i].Error = fmt.Sprintf("%s - Activity ID: %s - Url: https://fef.example/x", problem, uuid.New())
		}
	}
	_, changes, err := k.Record(k.t.Context(), events)
	if err != nil {
		k.t.Fatal(err)
	}
	return changes
}

func (k *kit) stands(run Run, state State, reason string) {
	k.t.Helper()
	if got := k.run(run.ID); got.State != state || got.Reason != reason {
		k.t.Errorf("the run is %s: %s\nwant %s: %s", got.State, got.Reason, state, reason)
	}
}

func limited(text string) func(*NewRun) {
	return func(n *NewRun) {
		if err := n.MaxFailures.UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
}

// The share is looked at from a hundred settled rows on; what is in flight then is still recorded, and after a release it
// begins anew.
func TestShareOfFailuresHoldsTheRun(t *testing.T) {
	k := newKit(t)
	run := k.braked(400, limited("5%"))
	if changes := k.land(run, k.fly(run, 50), "rejected", "rejected", 403, "Forbidden: no"); changes != nil {
		t.Errorf("held at 50 settled rows: %+v", changes)
	}
	k.land(run, k.fly(run, 49), "applied", "applied", 200, "")
	k.stands(run, Running, "")
	flying := k.fly(run, 30)
	const reason = "50 of 100 rows settled were rejected or failed (50.0 %, more than 5 %): 50 × 403 Forbidden: no - Activity ID: … - Url: https://fef.example/x"
	changes := k.land(run, flying[:1], "applied", "applied", 200, "")
	if want := (Change{Run: run.ID, State: Held, Reason: reason}); len(changes) != 1 || changes[0] != want {
		t.Errorf("got %+v\nwant %+v", changes, want)
	}
	k.stands(run, Held, reason)
	if changes := k.land(run, flying[1:], "rejected", "rejected", 404, "ResourceNotFound: gone"); changes != nil {
		t.Errorf("held again: %+v", changes)
	}
	if p := k.progress(run); p.Settled != 129 || p.Rejected != 79 {
		t.Errorf("what was in flight is not counted: %+v", p)
	}
	if _, state, err := k.Claim(t.Context(), run, wishesFor(k.open(run))); err != nil || state != Held || k.count(`SELECT count(*) FROM in_flight`) != 0 {
		t.Errorf("rows of a held run are claimed: %s, %v", state, err)
	}

	if err := k.Release(t.Context(), run.ID, "tester", "they are gone, I know"); err != nil {
		t.Fatal(err)
	}
	k.land(run, k.fly(run, 99), "rejected", "rejected", 404, "ResourceNotFound: gone")
	k.stands(run, Running, "")
	k.land(run, k.fly(run, 1), "applied", "applied", 200, "")
	k.stands(run, Held, "99 of 100 rows settled since the last release were rejected or failed (99.0 %, more than 5 %): "+
		"99 × 404 ResourceNotFound: gone - Activity ID: … - Url: https://fef.example/x")
	if got := k.events(run, 0); !slices.Equal(got, []string{"enqueued", "held", "released", "held"}) {
		t.Errorf("got %v", got)
	}
	if n := k.count(`SELECT count(*) FROM audit_event WHERE row = 0 AND outcome = 'held' AND actor = 'worker-1'`); n != 2 {
		t.Errorf("%d holds are the worker's, want 2", n)
	}
}

// Only rejected and failed rows count.
func TestNumberOfFailuresHoldsTheRun(t *testing.T) {
	k := newKit(t)
	run := k.braked(20, limited("3"))
	for _, outcome := range []string{"throttled", "transient", "unauthorized", "unknown"} {
		k.land(run, k.fly(run, 5), outcome, "", 503, "busy")
	}
	k.land(run, k.fly(run, 5), "applied", "applied", 200, "")
	k.land(run, k.fly(run, 1), "transient", "failed", 504, "Gateway Timeout")
	k.land(run, k.fly(run, 1), "rejected", "rejected", 403, "Forbidden")
	k.stands(run, Running, "")
	k.land(run, k.fly(run, 1), "transient", "failed", 0, "")
	k.stands(run, Held, "3 rows rejected or failed (the limit is 3): 1 × no answer; 1 × 403 Forbidden - Activity ID: … - Url: https://fef.example/x; "+
		"1 × 504 Gateway Timeout - Activity ID: … - Url: https://fef.example/x")
	if err := k.Release(t.Context(), run.ID, "tester", ""); err != nil {
		t.Fatal(err)
	}
	k.land(run, k.fly(run, 2), "rejected", "rejected", 403, "Forbidden")
	k.stands(run, Running, "")
	k.land(run, k.fly(run, 1), "rejected", "rejected", 403, "Forbidden")
	k.stands(run, Held, "3 rows rejected or failed since the last release (the limit is 3): 3 × 403 Forbidden - Activity ID: … - Url: https://fef.example/x")
}

// A run that is over is not held any more, whatever became of its rows; neither is one without a limit.
func TestTheLastRowFinishesTheRun(t *testing.T) {
	k := newKit(t)
	run := k.braked(100, limited("5%"))
	k.land(run, k.fly(run, 100), "rejected", "rejected", 403, "Forbidden")
	k.stands(run, Finished, "")
	run = k.braked(200, limited("100%"))
	k.land(run, k.fly(run, 199), "rejected", "rejected", 403, "Forbidden")
	k.stands(run, Running, "")
}

// The first rows are settled, and the run waits for a person. A release before that does not skip the rest of them.
func TestCanaryRows(t *testing.T) {
	k := newKit(t)
	run := k.braked(1200, func(n *NewRun) { n.CanaryRows = 4 })
	k.land(run, k.fly(run, 2), "applied", "applied", 200, "")
	if err := k.Hold(t.Context(), run.ID, "tester", "lunch"); err != nil {
		t.Fatal(err)
	}
	if err := k.Release(t.Context(), run.ID, "tester", ""); err != nil {
		t.Fatal(err)
	}
	if got := k.run(run.ID).CanaryRows; got != 4 {
		t.Errorf("a release in the middle leaves %d canary rows, want 4", got)
	}
	k.land(run, k.fly(run, 1), "rejected", "rejected", 403, "Forbidden")
	k.stands(run, Running, "")
	k.land(run, k.fly(run, 1), "rejected", "unchanged", 400, "")
	k.stands(run, Held, "canary: 4 rows sent, 2 applied, 1 unchanged, 1 rejected; a release sends the other 1,196")
	if err := k.Release(t.Context(), run.ID, "tester", "it looks good"); err != nil {
		t.Fatal(err)
	}
	if got := k.run(run.ID).CanaryRows; got != 0 {
		t.Errorf("after the release there are %d canary rows", got)
	}
	k.land(run, k.fly(run, 10), "applied", "applied", 200, "")
	k.stands(run, Running, "")
}

// Whether the rows behind a canary's are ever sent is for a person to say: until then they supersede nothing.
func TestRowsBehindACanarySupersedeNothing(t *testing.T) {
	k := newKit(t)
	older, later := k.imported(want(3, userstatus.Error)), k.imported(want(4, userstatus.Error))
	newer := k.braked(5, func(n *NewRun) { n.CanaryRows = 2 })
	if c := k.claimOne(older); c.Fate != Claimed {
		t.Errorf("got fate %d before the release, want it claimed", c.Fate)
	}
	k.land(newer, k.fly(newer, 2), "applied", "applied", 200, "")
	if err := k.Release(t.Context(), newer.ID, "tester", ""); err != nil {
		t.Fatal(err)
	}
	if c := k.claimOne(later); c.Fate != Superseded {
		t.Errorf("got fate %d after the release, want it superseded", c.Fate)
	}
}

// A run that has no more rows than its canary just finishes.
func TestCanaryOfAllRows(t *testing.T) {
	k := newKit(t)
	run := k.braked(3, func(n *NewRun) { n.CanaryRows = 3 })
	k.land(run, k.fly(run, 3), "applied", "applied", 200, "")
	k.stands(run, Finished, "")
}

// The last canary row lands while a person holds the run: its release is the one that lets the others go.
func TestCanaryEndsDuringAHold(t *testing.T) {
	k := newKit(t)
	run := k.braked(9, func(n *NewRun) { n.CanaryRows = 2 })
	flying := k.fly(run, 2)
	if err := k.Hold(t.Context(), run.ID, "tester", "lunch"); err != nil {
		t.Fatal(err)
	}
	k.land(run, flying, "applied", "applied", 200, "")
	k.stands(run, Held, "lunch")
	if err := k.Release(t.Context(), run.ID, "tester", ""); err != nil {
		t.Fatal(err)
	}
	if got := k.run(run.ID); got.State != Running || got.CanaryRows != 0 {
		t.Errorf("got %+v", got)
	}
}

// Whoever records and whoever releases lock in the same order.
func TestReleasesWhileAnswersComeIn(t *testing.T) {
	k := newKit(t)
	run := k.braked(300, limited("1"))
	done := make(chan error, 1)
	go func() {
		for {
			p, err := k.Progress(t.Context(), run.ID)
			if err == nil && p.State == Held {
				err = k.Release(t.Context(), run.ID, "tester", "")
			}
			// Between the look and the release the last answers may have come.
			if state := (*StateError)(nil); err != nil && !(errors.As(err, &state) && state.State == Finished) || err == nil && p.State == Finished {
				done <- err
				return
			}
		}
	}()
	all := k.open(run)
	answers := make(chan error, 2)
	for half := range 2 {
		go func() {
			books := k.as(fmt.Sprintf("worker-%d", half))
			for _, wish := range wishesFor(all[half*150 : half*150+150]) {
				answers <- recordOne(t, books, run, wish)
			}
		}()
	}
	for range all {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if p := k.progress(run); p.State != Finished || p.Rejected != 300 {
		t.Errorf("got %+v", p)
	}
}

// recordOne claims a row as soon as its run lets it and has it rejected.
func recordOne(t *testing.T, books *Ledger, run Run, wish Wish) error {
	for {
		claims, _, err := books.Claim(t.Context(), run, []Wish{wish})
		if err != nil {
			return err
		}
		if claims[0].Fate == Claimed {
			_, _, err = books.Record(t.Context(), []Event{answer(run, claims[0], "rejected", "rejected")})
			return err
		}
	}
}
