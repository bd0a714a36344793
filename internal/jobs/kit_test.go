package jobs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/userstatus"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var tenant = uuid.MustParse("11111111-1111-4111-8111-111111111111")

// fast is a limit that no test reaches.
var fast = budget.Limit{Requests: 1_000_000, Window: 20 * time.Second}

// kit is a whole installation: a database, a simulated Graph and an enqueuer. Workers are started by the test.
type kit struct {
	t        *testing.T
	db       *postgres.Database
	pool     *pgxpool.Pool
	books    *ledger.Ledger
	enqueuer *Enqueuer
	sim      *graphsim.Server
	root     string
	route    string // of the rows that enqueue imports
	version  string // of Graph, for workers
	attempts int    // that workers give a row
	bodies   Bodies // that workers keep
	schedule []Reconciliation
	wanted   userstatus.Wanted // of the rows that enqueue imports, beside the status
}

func newKit(t *testing.T, config graphsim.Config) *kit {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.New(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{t: t, db: db, route: userstatus.Plain, version: "beta"}
	k.pool = k.newPool(postgres.PoolConfig{MaxConns: 8})
	if _, err := Migrate(t.Context(), k.pool); err != nil {
		t.Fatal(err)
	}
	k.books = ledger.New(k.pool, "test")
	if k.enqueuer, err = NewEnqueuer(k.pool, k.books); err != nil {
		t.Fatal(err)
	}
	if config.WriteLimit.Requests == 0 {
		config.WriteLimit = graphsim.Limit{Requests: 1_000_000, Window: 20 * time.Second}
	}
	if k.sim, err = graphsim.New(config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k.sim)
	t.Cleanup(server.Close)
	k.root = server.URL
	return k
}

func (k *kit) newPool(config postgres.PoolConfig) *pgxpool.Pool {
	k.t.Helper()
	pool, err := k.db.Pool(k.t.Context(), config)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(pool.Close)
	return pool
}

// workerFor sets a worker up that the test starts and stops.
func (k *kit) workerFor(name, token string, limit budget.Limit) *Worker {
	k.t.Helper()
	return k.workerWith(name, token, limit, fast)
}

// workerWith is workerFor with a limit of reads.
func (k *kit) workerWith(name, token string, limit, reads budget.Limit) *Worker {
	k.t.Helper()
	client, err := graph.New(graph.Config{
		Root: k.root, Version: k.version, Timeout: 5 * time.Second, Tokens: graph.StaticToken(token), Connections: Connections(AtOnce), UserAgent: "test",
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(client.Close)
	shared, err := budget.Open(k.t.Context(), budget.Config{
		Tenant: tenant, App: token, Writes: limit, Reads: reads, Pool: k.newPool(postgres.BudgetConfig()),
		TenantWrites: limit.Times(2),
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(shared.Close)
	w, err := NewWorker(WorkerConfig{
		Name: name, Attempts: k.attempts, Reconciliations: k.schedule, Tenants: []Tenant{{ID: tenant, Budget: shared, Client: client, AtOnce: AtOnce, Bodies: k.bodies}}, Pool: k.pool,
		Ledger: ledger.New(k.newPool(postgres.LedgerConfig(12)), name), Log: slog.New(slog.NewTextHandler(k.t.Output(), nil)),
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return w
}

// start starts a worker and stops it at the end of the test, unless stop was called before.
func (k *kit) start(w *Worker) (stop func()) {
	k.t.Helper()
	background := context.Background() // the test's own context ends before what it cleans up
	if err := w.Start(background); err != nil {
		k.t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := w.Stop(background); err != nil {
			k.t.Error(err)
		}
	}
	k.t.Cleanup(stop)
	return stop
}

func user(n int) string { return fmt.Sprintf("user-%04d", n) }

// enqueue imports a run of n users, the same status for each.
func (k *kit) enqueue(n int, status userstatus.ComplianceStatus, change ...func(*ledger.NewRun)) int64 {
	k.t.Helper()
	var rows iter.Seq2[userstatus.Row, error] = func(yield func(userstatus.Row, error) bool) {
		for i := range n {
			row := userstatus.Row{Number: int32(i + 1), Line: int64(i + 2), Update: userstatus.Update{
				Target: userstatus.Target{Tenant: tenant, Route: k.route, ConfigurationID: "c", StatusID: user(i + 1)},
				Wanted: k.wanted,
			}}
			row.Update.Wanted.Status = userstatus.Of(status)
			if !yield(row, nil) {
				return
			}
		}
	}
	run := ledger.NewRun{
		Kind: "csv", Name: "test", Actor: "tester", Tenant: tenant, Priority: 2, Source: struct{}{}, Again: true, Blind: true,
		Fingerprint: sha256.Sum256([]byte(status)),
	}
	for _, c := range change {
		c(&run)
	}
	id, imported, err := k.enqueuer.Import(k.t.Context(), run, rows)
	if err != nil {
		k.t.Fatal(err)
	}
	if int(imported) != n {
		k.t.Fatalf("imported %d rows, want %d", imported, n)
	}
	return id
}

// await returns when the run is in that state, or fails the test.
func (k *kit) await(run int64, state ledger.State) ledger.Progress {
	k.t.Helper()
	return k.awaitThat(run, func(p ledger.Progress) bool { return p.State == state })
}

func (k *kit) awaitThat(run int64, ok func(ledger.Progress) bool) ledger.Progress {
	k.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		p, err := k.books.Progress(k.t.Context(), run)
		if err != nil {
			k.t.Fatal(err)
		}
		if ok(p) {
			return p
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("run %d stays at %+v", run, p)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-k.t.Context().Done():
			k.t.Fatal("the test ended while waiting")
		}
	}
}

func (k *kit) exec(sql string, args ...any) {
	k.t.Helper()
	if _, err := k.pool.Exec(k.t.Context(), sql, args...); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) count(sql string, args ...any) int {
	k.t.Helper()
	var n int
	if err := k.pool.QueryRow(k.t.Context(), sql, args...).Scan(&n); err != nil {
		k.t.Fatal(err)
	}
	return n
}

// outcomes are the events of a row, in their order, in one word each; final ones with a mark.
func (k *kit) outcomes(run int64, row int) string {
	k.t.Helper()
	rows, err := k.pool.Query(k.t.Context(), `
		SELECT outcome || CASE WHEN final THEN '!' ELSE '' END FROM audit_event WHERE run = $1 AND row = $2 ORDER BY recorded_at`, run, row)
	if err != nil {
		k.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// checkBooks holds the audit against what Graph saw: every row has one final event, every request that was answered or
// broken off has exactly one event, the counts are those of the events, and nothing is left in flight.
func (k *kit) checkBooks(run int64, rows int) {
	k.t.Helper()
	if n := k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND final`, run); n != rows {
		k.t.Errorf("%d rows have a final event, want %d", n, rows)
	}
	if n := k.count(`SELECT count(*) FROM in_flight`); n != 0 {
		k.t.Errorf("%d rows are left in flight", n)
	}
	if n := k.count(`
		SELECT count(*) FROM (SELECT outcome, count(*) n FROM audit_event WHERE run = $1 AND row > 0 GROUP BY 1) e, run_count c
		WHERE c.run = $1 AND e.n <> (to_jsonb(c) ->> e.outcome)::integer`, run); n != 0 {
		k.t.Errorf("%d counts are not those of the events", n)
	}
	for _, r := range k.sim.Requests() {
		if n := k.count(`SELECT count(*) FROM audit_event WHERE client_request_id = $1 AND url IS NOT NULL`, r.ClientRequestID); n != 1 {
			k.t.Errorf("request %s %s, answered %d, has %d events", r.ClientRequestID, r.Path, r.Status, n)
		}
	}
}

// checkStatuses holds Graph's state against the status that n users should have.
func (k *kit) checkStatuses(n int, status userstatus.ComplianceStatus) {
	k.t.Helper()
	right := 0
	for _, s := range k.sim.Statuses() {
		if s.Properties.Status == string(status) {
			right++
		}
	}
	if right != n {
		k.t.Errorf("%d statuses are %s, want %d", right, status, n)
	}
}
