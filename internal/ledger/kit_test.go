package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/postgres"
	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/userstatus"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var tenant = uuid.MustParse("11111111-1111-4111-8111-111111111111")

// kit is a ledger over a fresh database, and what a test does with it in one line.
type kit struct {
	*Ledger
	t    *testing.T
	pool *pgxpool.Pool
}

func newKit(t *testing.T) *kit {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.New(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.Pool(t.Context(), postgres.LedgerConfig(16))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &kit{Ledger: New(pool, "worker-1"), t: t, pool: pool}
}

// as is the same database in another worker's name.
func (k *kit) as(worker string) *Ledger { return New(k.pool, worker) }

// want is a row that asks for a status of the user with that number.
func want(user int, status userstatus.ComplianceStatus) userstatus.Update {
	return userstatus.Update{
		Target: userstatus.Target{Tenant: tenant, Route: userstatus.Plain, ConfigurationID: "c", StatusID: fmt.Sprintf("user-%d", user)},
		Wanted: userstatus.Wanted{Status: userstatus.Of(status)},
	}
}

func rowsOf(updates []userstatus.Update) iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		for i, u := range updates {
			if !yield(userstatus.Row{Number: int32(i + 1), Line: int64(i + 2), Update: u}, nil) {
				return
			}
		}
	}
}

func (k *kit) newRun(updates []userstatus.Update) NewRun {
	k.t.Helper()
	id, err := k.NextRunID(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	hash := sha256.New()
	for _, u := range updates {
		hash.Write(u.AppendCanonical(nil))
	}
	return NewRun{
		ID: id, Kind: "csv", Name: "test", Actor: "tester", Tenant: tenant, Priority: 2, Source: map[string]string{"file": "users.csv"},
		Fingerprint: [32]byte(hash.Sum(nil)), Again: true, Blind: true,
	}
}

func (k *kit) importRun(n NewRun, rows iter.Seq2[userstatus.Row, error]) error {
	return pgx.BeginFunc(k.t.Context(), k.pool, func(tx pgx.Tx) error {
		_, err := Import(k.t.Context(), tx, n, rows)
		return err
	})
}

// imported is a running run of these updates.
func (k *kit) imported(updates ...userstatus.Update) Run {
	k.t.Helper()
	n := k.newRun(updates)
	if err := k.importRun(n, rowsOf(updates)); err != nil {
		k.t.Fatal(err)
	}
	return k.run(n.ID)
}

func (k *kit) run(id int64) Run {
	k.t.Helper()
	run, err := k.Run(k.t.Context(), id)
	if err != nil {
		k.t.Fatal(err)
	}
	return run
}

func (k *kit) open(run Run) []OpenRow {
	k.t.Helper()
	open, err := k.Open(k.t.Context(), run, 1, SliceRows)
	if err != nil {
		k.t.Fatal(err)
	}
	return open
}

func wishesFor(open []OpenRow) []Wish {
	wishes := make([]Wish, len(open))
	for i := range open {
		wishes[i] = Wish{Row: &open[i], ID: uuid.New()}
	}
	return wishes
}

// claimAll claims all open rows of the run.
func (k *kit) claimAll(run Run) []Claim {
	k.t.Helper()
	claims, _, err := k.Claim(k.t.Context(), run, wishesFor(k.open(run)))
	if err != nil {
		k.t.Fatal(err)
	}
	return claims
}

// claimOne claims the only open row of the run.
func (k *kit) claimOne(run Run) Claim {
	k.t.Helper()
	claims := k.claimAll(run)
	if len(claims) != 1 {
		k.t.Fatalf("got %d claims, want 1", len(claims))
	}
	return claims[0]
}

// answer is the event of an answered claim.
func answer(run Run, c Claim, outcome, settles string) Event {
	return Event{
		Run: run.ID, Row: c.Row.Row, Key: c.Row.Key, ID: c.ID, Outcome: outcome, Settles: settles,
		SentAt: time.Now(), Elapsed: 12 * time.Millisecond, Method: "PATCH", URL: "https://graph.microsoft.com/beta/x", Status: 200,
		RequestBody: []byte("{}"), ResponseBody: []byte("{}"),
	}
}

func (k *kit) record(events ...Event) []Recorded {
	k.t.Helper()
	recorded, _, err := k.Record(k.t.Context(), events)
	if err != nil {
		k.t.Fatal(err)
	}
	return recorded
}

// settle claims and settles every open row of the run.
func (k *kit) settle(run Run, outcome string) {
	k.t.Helper()
	for _, c := range k.claimAll(run) {
		if c.Fate == Claimed {
			k.record(answer(run, c, outcome, outcome))
		}
	}
}

// age makes everything in flight older than the lease.
func (k *kit) age() {
	k.exec(`UPDATE in_flight SET since = since - interval '91 s'`)
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

// events are the outcomes of a row in their order, final ones with a mark.
func (k *kit) events(run Run, row int32) []string {
	k.t.Helper()
	rows, err := k.pool.Query(k.t.Context(), `
		SELECT outcome || CASE WHEN final THEN '!' ELSE '' END FROM audit_event WHERE run = $1 AND row = $2 ORDER BY recorded_at`, run.ID, row)
	if err != nil {
		k.t.Fatal(err)
	}
	outcomes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		k.t.Fatal(err)
	}
	return outcomes
}

func (k *kit) progress(run Run) Progress {
	k.t.Helper()
	p, err := k.Progress(k.t.Context(), run.ID)
	if err != nil {
		k.t.Fatal(err)
	}
	return p
}

// awaitBlocked returns when as many statements as that wait for a lock.
func (k *kit) awaitBlocked(n int) {
	k.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for k.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) < n {
		if time.Now().After(deadline) {
			k.t.Fatal("nothing waits for a lock")
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-k.t.Context().Done():
			k.t.Fatal("the test ended while waiting")
		}
	}
}

// begin opens a transaction that is rolled back at the end, unless the test ends it.
func (k *kit) begin() pgx.Tx {
	k.t.Helper()
	tx, err := k.pool.Begin(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(k.t.Context())) })
	return tx
}
