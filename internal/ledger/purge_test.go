package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/audit"
	"graphpatch/internal/userstatus"
)

// importedIn is a running run of that number.
func (k *kit) importedIn(id int64, updates ...userstatus.Update) Run {
	k.t.Helper()
	k.exec(`SELECT make_month($1)`, id/1_000_000)
	n := k.newRun(updates)
	n.ID = id
	if err := k.importRun(n, rowsOf(updates)); err != nil {
		k.t.Fatal(err)
	}
	return k.run(id)
}

// verify expects nothing to be found.
func (k *kit) verify(against audit.Exported) audit.Verified {
	k.t.Helper()
	seen, err := audit.New(k.pool).Verify(k.t.Context(), audit.VerifyFilter{Against: against}, func(f audit.Finding) error {
		k.t.Errorf("%+v", f)
		return nil
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return seen
}

func (k *kit) purge(before int) ([]Purged, error) { return k.Purge(k.t.Context(), before, "anna@desk") }

// Three months of events, of which two are purged: the third is as it was, and so is what is left of the first two.
func TestPurge(t *testing.T) {
	k := newKit(t)
	first := k.importedIn(202601000001, want(1, userstatus.Compliant), want(2, userstatus.Compliant))
	second := k.importedIn(202602000001, want(1, userstatus.Error))
	third := k.importedIn(202603000001, want(1, userstatus.Conflict), want(2, userstatus.Conflict))
	k.settle(third, "applied")
	k.settle(second, "applied")
	heads, err := audit.New(k.pool).Checkpoint(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	exported := audit.Exported{}
	for _, h := range heads {
		exported[h.Run] = []audit.Head{h}
	}

	// The first is open; even the months after it are kept, because its rows give way to theirs.
	var open *OpenError
	for _, before := range []int{202602, 202603} {
		if _, err := k.purge(before); !errors.As(err, &open) || open.Run != first.ID || open.State != Running {
			t.Errorf("before %d: %v", before, err)
		}
	}
	if _, err := k.purge(209901); !errors.Is(err, ErrNotOver) {
		t.Errorf("of a month to come: %v", err)
	}
	if got := k.count(`SELECT count(*) FROM audit_purge`); got != 0 {
		t.Errorf("%d months are said to be purged", got)
	}
	if claims := k.claimAll(first); claims[0].Fate != Superseded || claims[1].Fate != Superseded {
		t.Errorf("got %+v", claims)
	}
	before := k.verify(exported)
	purged, err := k.purge(202603)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(purged, []Purged{{202601, 1}, {202602, 1}}); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
	if got := k.count(`SELECT count(*) FROM pg_class WHERE relname ~ '_20260[12]'`); got != 0 {
		t.Errorf("%d tables and indexes are left", got)
	}
	exported[first.ID] = nil // it went on after it was exported, so only the end of its chain could be held against
	after := k.verify(exported)
	if want := (audit.Verified{Runs: 3, Rows: 2, Events: 4, Commits: 5, Exported: 2, Purged: 2}); after != want || before.Runs != 3 {
		t.Errorf("got %+v before, %+v after", before, after)
	}
	if got := k.progress(second); got.State != Finished || got.Superseded != 1 {
		t.Errorf("the purged run: %+v", got)
	}
	if got := k.events(third, 1); !cmp.Equal(got, []string{"applied!"}) {
		t.Errorf("the month after: %v", got)
	}
	if purged, err = k.purge(202603); err != nil || len(purged) > 0 {
		t.Errorf("again: %v, %v", purged, err)
	}
}

// What is left of a purged month cannot be altered either.
func TestPurgedMonthsStayUnderProof(t *testing.T) {
	k := newKit(t)
	run := k.importedIn(202601000001, want(1, userstatus.Compliant))
	k.settle(run, "applied")
	if _, err := k.purge(202602); err != nil {
		t.Fatal(err)
	}
	k.verify(nil)
	k.exec(`UPDATE run_count SET digest = sha256('') WHERE run = $1`, run.ID)
	found := 0
	_, err := audit.New(k.pool).Verify(t.Context(), audit.VerifyFilter{}, func(audit.Finding) error { found++; return nil })
	if err != nil || found != 1 {
		t.Errorf("%d findings, %v", found, err)
	}
}

// An import that began in the month before its last rows were written is waited for.
func TestPurgeWaitsForImports(t *testing.T) {
	k := newKit(t)
	k.exec(`SELECT make_month(202601)`)
	n := k.newRun(nil)
	n.ID = 202601000001
	tx := k.begin()
	if _, err := Import(t.Context(), tx, n, rowsOf([]userstatus.Update{want(1, userstatus.Compliant)})); err != nil {
		t.Fatal(err)
	}
	var open *OpenError
	if _, err := k.purge(202602); !errors.As(err, &open) || open.Run != 0 {
		t.Errorf("got %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := k.purge(202602); !errors.As(err, &open) || open.Run != n.ID {
		t.Errorf("got %v", err)
	}
}

// A purge is ended while it waits for a reader, in the midst of detaching. Nobody else waits meanwhile, and the next purge
// completes it; two at a time do not get in each other's way.
func TestPurgeIsCompleted(t *testing.T) {
	k := newKit(t)
	run := k.importedIn(202601000001, want(1, userstatus.Compliant))
	k.settle(run, "applied")
	reader := k.begin()
	if _, err := reader.Exec(t.Context(), `SELECT FROM audit_event WHERE run = $1`, run.ID); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := k.Purge(ctx, 202602, "anna@desk")
		ended <- err
	}()
	k.awaitBlocked(1)
	if _, err := k.purge(202602); !errors.Is(err, ErrPurging) {
		t.Errorf("a second one: %v", err)
	}
	// Work goes on beside it.
	newer := k.imported(want(2, userstatus.Compliant))
	k.settle(newer, "applied")
	end()
	if err := <-ended; err == nil {
		t.Fatal("it did not wait for the reader")
	}
	if err := reader.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := k.count(`SELECT count(*) FROM pg_class WHERE relname = 'audit_event_202601'`); got != 1 {
		t.Error("nothing is left to do")
	}
	var purged []Purged
	for { // the server may still be ending the first one
		var err error
		if purged, err = k.purge(202602); err == nil {
			break
		} else if !errors.Is(err, ErrPurging) {
			t.Fatal(err)
		}
	}
	if !cmp.Equal(purged, []Purged{{202601, 1}}) || k.count(`SELECT count(*) FROM pg_class WHERE relname ~ '_202601$'`) != 0 {
		t.Errorf("got %v", purged)
	}
	k.verify(nil)
}

// A detached partition that was not dropped yet is found as well.
func TestPurgeDropsWhatWasDetached(t *testing.T) {
	k := newKit(t)
	run := k.importedIn(202601000001, want(1, userstatus.Compliant))
	k.settle(run, "applied")
	conn, err := pgx.Connect(t.Context(), k.pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), `ALTER TABLE status_update DETACH PARTITION status_update_202601 CONCURRENTLY`); err != nil {
		t.Fatal(err)
	}
	if purged, err := k.purge(202602); err != nil || !cmp.Equal(purged, []Purged{{202601, 1}}) {
		t.Errorf("got %v, %v", purged, err)
	}
	if got := k.count(`SELECT count(*) FROM pg_class WHERE relname ~ '_202601$'`); got != 0 {
		t.Errorf("%d tables are left", got)
	}
}
