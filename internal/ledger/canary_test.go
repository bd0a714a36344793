package ledger

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// A canary is pending until it passes, or fails and is waived by whoever releases the run.
func TestStagesOfACanary(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant), want(2, userstatus.Compliant))
	stage := func(want Canary, state State) {
		t.Helper()
		if got := k.run(run.ID); got.Canary != want || got.State != state {
			t.Errorf("the canary is %s of a run that is %s, want %s, %s", got.Canary, got.State, want, state)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	stage(CanaryPending, Running)
	must(k.Hold(t.Context(), run.ID, "tester", "lunch"))
	must(k.Release(t.Context(), run.ID, "tester", ""))
	stage(CanaryPending, Running) // a person's hold says nothing about it
	must(k.HoldForCanary(t.Context(), run.ID, "worker-1", "it did not stick"))
	stage(CanaryFailed, Held)
	must(k.Release(t.Context(), run.ID, "tester", "all the same"))
	stage(CanaryWaived, Running)
	must(pgx.BeginFunc(t.Context(), k.pool, func(tx pgx.Tx) error {
		_, err := PassCanary(t.Context(), tx, run.ID)
		return err
	}))
	stage(CanaryWaived, Running) // only a pending one can pass

	other := k.imported(want(3, userstatus.Compliant))
	must(pgx.BeginFunc(t.Context(), k.pool, func(tx pgx.Tx) error {
		passed, err := PassCanary(t.Context(), tx, other.ID)
		if passed.Canary != CanaryPassed {
			t.Errorf("got %+v", passed)
		}
		return err
	}))
}

// What a run waits for is said while it is running, and gone when it is not.
func TestWhatARunWaitsFor(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	says := func(want string) {
		t.Helper()
		if got := k.run(run.ID).Reason; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	wait := func(reason string) {
		t.Helper()
		if err := k.SetWaiting(t.Context(), run.ID, reason); err != nil {
			t.Fatal(err)
		}
	}
	wait("no token\x00")
	says("no token\uFFFD")
	wait("")
	says("")
	wait("no token")
	if err := k.Hold(t.Context(), run.ID, "tester", "lunch"); err != nil {
		t.Fatal(err)
	}
	says("lunch")
	wait("no token") // a straggler
	says("lunch")
	if err := k.Release(t.Context(), run.ID, "tester", ""); err != nil {
		t.Fatal(err)
	}
	wait("no token")
	k.settle(run, "applied")
	says("")
}
