package jobs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// old imports a held run of a month long ago.
func (k *kit) old(id int64) {
	k.t.Helper()
	if _, err := k.pool.Exec(k.t.Context(), `SELECT make_month($1)`, id/1_000_000); err != nil {
		k.t.Fatal(err)
	}
	n := ledger.NewRun{
		ID: id, Kind: "csv", Name: "old.csv", Actor: "anna@desk", Tenant: tenant, Priority: 2, Source: struct{}{}, Hold: true, Fingerprint: [32]byte{byte(id / 1_000_000)},
	}
	err := pgx.BeginFunc(k.t.Context(), k.pool, func(tx pgx.Tx) error {
		_, err := ledger.Import(k.t.Context(), tx, n, func(func(userstatus.Row, error) bool) {})
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
}

// The worker's maintenance purges what is no longer kept, as far as no run is open, and says what is in its way, once.
func TestMaintenanceKeepsMonths(t *testing.T) {
	k := newKit(t, graphsim.Config{})
	for _, id := range []int64{202001000001, 202002000001, 202003000001} {
		k.old(id)
	}
	var said bytes.Buffer
	m := &maintenance{enqueuer: k.enqueuer, ledger: k.books, keepMonths: 12, log: slog.New(slog.NewTextHandler(&said, nil))}
	work := func() {
		t.Helper()
		m.retainedAt = time.Time{}
		if err := m.Work(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	cancel := func(run int64) {
		t.Helper()
		if err := k.books.Cancel(t.Context(), run, "anna@desk", "too old"); err != nil {
			t.Fatal(err)
		}
	}
	cancel(202001000001)
	cancel(202003000001)
	work()
	work()
	if got := said.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `msg="month purged" month=202001 runs=1`) ||
		!strings.Contains(got, "run 202002000001 is held") {
		t.Errorf("got %s", got)
	}
	said.Reset()
	cancel(202002000001)
	work()
	if got := said.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "month=202002 runs=1") || !strings.Contains(got, "month=202003 runs=1") {
		t.Errorf("got %s", got)
	}
	var months int
	if err := k.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_event'::regclass`).Scan(&months); err != nil || months != 3 {
		t.Errorf("%d months are left, %v: want this one and two to come", months, err)
	}
}

// Who does not own the tables cannot keep what it is told.
func TestKeepMonthsTakesTheOwner(t *testing.T) {
	_, err := NewWorker(WorkerConfig{Tenants: []Tenant{{ID: tenant, AtOnce: 1}}, KeepMonths: 12})
	if err == nil || !strings.Contains(err.Error(), "audit purge") {
		t.Errorf("got %v", err)
	}
}
