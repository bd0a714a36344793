package ledger

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// What was enqueued after the rows were selected, and asks for one of their statuses, is not overwritten by them.
func TestReplayOfWhatWasOvertaken(t *testing.T) {
	k := newKit(t)
	origin := k.imported(want(1, userstatus.Compliant), want(2, userstatus.Compliant))
	again := func(known ...int64) error {
		n := k.newRun([]userstatus.Update{want(1, userstatus.Compliant)})
		n.Kind, n.Origin, n.Known = "replay", origin.ID, known
		return k.importRun(n, rowsOf([]userstatus.Update{want(1, userstatus.Compliant)}))
	}
	k.imported(want(2, userstatus.Error)) // another status
	if err := again([]int64{}...); err != nil {
		t.Fatal(err)
	}
	later := k.imported(want(1, userstatus.Error))
	if err := again(0); !errors.As(err, new(*LaterError)) {
		t.Errorf("got error %v", err)
	}
	var first int64
	if err := k.pool.QueryRow(t.Context(), `SELECT min(id) FROM run WHERE kind = 'replay'`).Scan(&first); err != nil {
		t.Fatal(err)
	}
	if err := again(first, later.ID); err != nil {
		t.Errorf("of runs that are known: %v", err)
	}
	if err := again(); err != nil {
		t.Errorf("with force: %v", err)
	}
}

// An import that is under way and has an earlier number is waited for, and then seen.
func TestReplayWaitsForImports(t *testing.T) {
	k := newKit(t)
	origin := k.imported(want(1, userstatus.Compliant))
	under := k.newRun([]userstatus.Update{want(1, userstatus.Error)})
	tx, err := k.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := Import(t.Context(), tx, under, rowsOf([]userstatus.Update{want(1, userstatus.Error)})); err != nil {
		t.Fatal(err)
	}
	n := k.newRun([]userstatus.Update{want(1, userstatus.Compliant)})
	n.Kind, n.Origin, n.Known = "replay", origin.ID, []int64{}
	ended := make(chan error, 1)
	go func() {
		ended <- pgx.BeginFunc(t.Context(), k.pool, func(tx pgx.Tx) error {
			_, err := Import(t.Context(), tx, n, rowsOf([]userstatus.Update{want(1, userstatus.Compliant)}))
			return err
		})
	}()
	for waits := false; !waits; {
		select {
		case err := <-ended:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		if err := k.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var later *LaterError
	if err := <-ended; !errors.As(err, &later) || later.Run != under.ID {
		t.Errorf("got error %v, want one of run %d", err, under.ID)
	}
	if _, err := k.Run(t.Context(), n.ID); !errors.Is(err, ErrNoRun) {
		t.Errorf("something of it is left: %v", err)
	}
}
