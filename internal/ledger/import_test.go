package ledger

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

func TestImportedRowsReadBackAsTheyCame(t *testing.T) {
	k := newKit(t)
	at, err := userstatus.ParseDateTime("2026-02-28T23:59:59.123456789+05:30")
	if err != nil {
		t.Fatal(err)
	}
	updates := []userstatus.Update{
		want(1, userstatus.Compliant),
		{
			Target: userstatus.Target{Tenant: tenant, Route: "windows-eap-roots", ConfigurationID: "c", CertificateID: "cert", StatusID: "s"},
			Wanted: userstatus.Wanted{
				UserDisplayName: userstatus.Of(""), UserPrincipalName: userstatus.Null[string](), DevicesCount: userstatus.Of(int32(-2147483648)),
				LastReportedDateTime: userstatus.Of(at),
			},
		},
	}
	run := k.imported(updates...)
	open := k.open(run)
	if len(open) != 2 {
		t.Fatalf("got %d open rows, want 2", len(open))
	}
	for i, o := range open {
		got, want := userstatus.Update{Target: o.Target, Wanted: o.Wanted}, updates[i]
		if string(got.AppendCanonical(nil)) != string(want.AppendCanonical(nil)) || got.Target != want.Target {
			t.Errorf("row %d: got %+v, want %+v", i+1, got, want)
		}
		if o.Key != want.Target.Key() {
			t.Errorf("row %d: key %s, want %s", i+1, o.Key, want.Target.Key())
		}
		if diff := cmp.Diff(Past{}, o.Past); diff != "" {
			t.Errorf("row %d has a past (-want +got):\n%s", i+1, diff)
		}
	}
	if got, _ := open[1].Wanted.LastReportedDateTime.Get(); got.Given() != "2026-02-28T23:59:59.123456789+05:30" {
		t.Errorf("got %q: digits were lost", got.Given())
	}
}

func TestImportThatFailsLeavesNothing(t *testing.T) {
	k := newKit(t)
	updates := []userstatus.Update{want(1, userstatus.Compliant), want(2, userstatus.Compliant)}
	n := k.newRun(updates)
	broken := errors.New("the file changed")
	err := k.importRun(n, func(yield func(userstatus.Row, error) bool) {
		for row := range rowsOf(updates) {
			if !yield(row, nil) {
				return
			}
		}
		yield(userstatus.Row{}, broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the source's error", err)
	}
	for _, table := range []string{"run", "run_count", "status_update", "audit_event", "in_flight"} {
		if got := k.count(`SELECT count(*) FROM ` + table); got != 0 {
			t.Errorf("%s has %d rows after a failed import", table, got)
		}
	}
	if next := k.newRun(updates); next.ID != n.ID+1 {
		t.Errorf("got run number %d after %d: a number was used twice or lost", next.ID, n.ID)
	}
}

func TestSameContentIsRefused(t *testing.T) {
	k := newKit(t)
	updates := []userstatus.Update{want(1, userstatus.Compliant)}
	first := k.newRun(updates)
	first.Again = false
	if err := k.importRun(first, rowsOf(updates)); err != nil {
		t.Fatal(err)
	}
	second := k.newRun(updates)
	second.Again = false
	var duplicate *DuplicateError
	if err := k.importRun(second, rowsOf(updates)); !errors.As(err, &duplicate) || duplicate.Run != first.ID {
		t.Errorf("got %v, want a DuplicateError naming run %d", err, first.ID)
	}
	second.Again = true
	if err := k.importRun(second, rowsOf(updates)); err != nil {
		t.Errorf("again: %v", err)
	}
	third := k.newRun(updates)
	if err := k.importRun(third, rowsOf(updates)); err != nil {
		t.Errorf("again, the third time: %v", err)
	}
}

// The first import has not committed when the second one starts: it must wait for it and be refused.
func TestSameContentTwiceAtOnce(t *testing.T) {
	k := newKit(t)
	updates := []userstatus.Update{want(1, userstatus.Compliant)}
	first, second := k.newRun(updates), k.newRun(updates)
	first.Again, second.Again = false, false
	tx := k.begin()
	if _, err := Import(t.Context(), tx, first, rowsOf(updates)); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	go func() { refused <- k.importRun(second, rowsOf(updates)) }()
	k.awaitBlocked(1)
	if importing, err := k.Importing(t.Context(), tenant); err != nil || !importing {
		t.Errorf("got importing %v, %v while two imports are under way", importing, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var duplicate *DuplicateError
	if err := <-refused; !errors.As(err, &duplicate) || duplicate.Run != first.ID {
		t.Errorf("got %v, want a DuplicateError naming run %d", err, first.ID)
	}
	if importing, err := k.Importing(t.Context(), tenant); err != nil || importing {
		t.Errorf("got importing %v, %v after the imports", importing, err)
	}
}

// The month's partition is attached while an import writes into the table: nobody waits for anybody.
func TestMonthsAreMadeDuringAnImport(t *testing.T) {
	k := newKit(t)
	updates := []userstatus.Update{want(1, userstatus.Compliant)}
	tx := k.begin()
	if _, err := Import(t.Context(), tx, k.newRun(updates), rowsOf(updates)); err != nil {
		t.Fatal(err)
	}
	k.exec(`SET lock_timeout = '5s'`)
	k.exec(`SELECT make_month(203001)`)
	if got := k.count(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_event'::regclass`); got != 4 {
		t.Errorf("got %d months of audit_event, want this one, two ahead and the one made", got)
	}
	if err := k.MakeMonths(t.Context()); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestImportStreams(t *testing.T) {
	k := newKit(t)
	var rows iter.Seq2[userstatus.Row, error] = func(yield func(userstatus.Row, error) bool) {
		for i := range 2500 {
			if !yield(userstatus.Row{Number: int32(i + 1), Line: int64(i + 2), Update: want(i, userstatus.Error), Other: []string{"a", "b,\"c"}}, nil) {
				return
			}
		}
	}
	n := k.newRun(nil)
	if err := k.importRun(n, rows); err != nil {
		t.Fatal(err)
	}
	slices, err := k.OpenSlices(t.Context(), n.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{0, 1, 2}, slices); diff != "" {
		t.Errorf("open slices (-want +got):\n%s", diff)
	}
	if p := k.progress(k.run(n.ID)); p.Rows != 2500 || p.Settled != 0 || p.State != Running {
		t.Errorf("got %+v", p)
	}
}
