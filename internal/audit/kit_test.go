package audit

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/userstatus"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	contoso  = uuid.MustParse("11111111-1111-4111-8111-111111111111")
	fabrikam = uuid.MustParse("22222222-2222-4222-8222-222222222222")
)

const (
	configuration = "AAAAAAAA-0000-4000-8000-000000000001"
	otherConfig   = "aaaaaaaa-0000-4000-8000-000000000002"
)

// world is a database in which things have happened.
type world struct {
	t      *testing.T
	pool   *pgxpool.Pool
	ledger *ledger.Ledger
	audit  *Audit
	ids    int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	pool := pgtest.New(t).Pool(t)
	return &world{t: t, pool: pool, ledger: ledger.New(pool, "worker-1"), audit: New(pool)}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.pool.Exec(w.t.Context(), sql, args...)
	w.must(err)
}

// rewrite changes what is append-only, which no program can.
func (w *world) rewrite(sql string, args ...any) {
	w.t.Helper()
	w.must(pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(w.t.Context(), sql, args...)
		return err
	}))
}

// update is what one row asks for: userPrincipalName "" is not asked for.
type update struct{ config, status, upn string }

// enqueue imports a run of these updates; rows are counted from 1, lines from 2.
func (w *world) enqueue(tenant uuid.UUID, name string, updates ...update) int64 {
	w.t.Helper()
	ctx := w.t.Context()
	id, err := w.ledger.NextRunID(ctx)
	w.must(err)
	n := ledger.NewRun{
		ID: id, Kind: "csv", Name: name, Actor: "anna@desk", Tenant: tenant, Priority: 2, Blind: true, Fingerprint: [32]byte{byte(id)},
		Source: map[string]any{"file": name, "bytes": 4096}, Options: ledger.Options{Duplicates: true},
	}
	w.importRun(n, updates...)
	return id
}

func (w *world) importRun(n ledger.NewRun, updates ...update) {
	w.t.Helper()
	w.must(pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		_, err := ledger.Import(w.t.Context(), tx, n, rowsOf(n.Tenant, updates))
		return err
	}))
}

func rowsOf(tenant uuid.UUID, updates []update) iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		for i, u := range updates {
			row := userstatus.Row{Number: int32(i + 1), Line: int64(i + 2)}
			row.Update.Target = userstatus.Target{Tenant: tenant, Route: "plain", ConfigurationID: u.config, StatusID: u.status}
			row.Update.Wanted.DevicesCount = userstatus.Of(int32(1))
			if u.upn != "" {
				row.Update.Wanted.UserPrincipalName = userstatus.Of(u.upn)
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// claim puts one row in flight.
func (w *world) claim(run int64, row int32) ledger.Claim {
	w.t.Helper()
	ctx := w.t.Context()
	r, err := w.ledger.Run(ctx, run)
	w.must(err)
	open, err := w.ledger.Open(ctx, r, row, row)
	w.must(err)
	if len(open) != 1 {
		w.t.Fatalf("row %d of run %d is not open", row, run)
	}
	w.ids++
	id := uuid.MustParse(fmt.Sprintf("cccccccc-0000-4000-8000-%012d", w.ids))
	claims, _, err := w.ledger.Claim(ctx, r, []ledger.Wish{{Row: &open[0], ID: id}})
	w.must(err)
	return claims[0]
}

// answer records what Graph said to a claimed row.
func (w *world) answer(run int64, c ledger.Claim, e ledger.Event) {
	w.t.Helper()
	e.Run, e.Row, e.Key, e.ID = run, c.Row.Row, c.Row.Key, c.ID
	e.Method, e.URL, e.RequestBody = "PATCH", "https://graph.example/"+c.Row.Target.StatusID, []byte("{}")
	e.SentAt, e.Elapsed = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), 12345*time.Microsecond
	_, _, err := w.ledger.Record(w.t.Context(), []ledger.Event{e})
	w.must(err)
}

// send claims a row and records the answer.
func (w *world) send(run int64, row int32, outcome, settles string, status int, problem string) {
	w.t.Helper()
	w.answer(run, w.claim(run, row), ledger.Event{
		Outcome: outcome, Settles: settles, Status: status, Error: problem, RequestID: fmt.Sprintf("Request-%d", w.ids),
		ResponseHeaders: []byte("Date: now\r\n"), ResponseBody: []byte{0xff, 0x00},
	})
}

// story tells most of what can happen to a run. Its first run stays open, its second is cancelled, its third finished.
func story(t *testing.T) (w *world, first, second, third int64) {
	t.Helper()
	w = newWorld(t)
	first, second, third = w.live()
	return w, first, second, third
}

// live lets happen what story tells.
func (w *world) live() (first, second, third int64) {
	w.t.Helper()
	first = w.enqueue(contoso, "users.csv",
		update{configuration, "s1", "anna.a@contoso.com"}, update{configuration, "s2", "Anna.B@contoso.com"},
		update{configuration, "s3", "bob_c@contoso.com"}, update{otherConfig, "s4", ""},
		update{otherConfig, "s5", "bobxc@contoso.com"}, update{otherConfig, "s6", ""},
		update{otherConfig, "s7", ""}, update{otherConfig, "s8", ""})
	w.send(first, 1, "applied", "applied", 204, "")
	w.send(first, 2, "rejected", "rejected", 403, "Forbidden: 0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c11_0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c12 at 2026-11-23T10:00:00")
	w.send(first, 3, "rejected", "rejected", 403, "Forbidden: 1DC41A7A-6ECD-4C5B-9A5B-3D2C8A3A1C11_0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c13 at 2026-11-23T10:00:07")
	w.send(first, 4, "throttled", "", 429, "TooManyRequests")
	w.send(first, 4, "applied", "applied", 200, "")
	w.send(first, 5, "transient", "", 500, "InternalServerError")
	lost := w.claim(first, 6)
	w.exec(`UPDATE in_flight SET since = since - interval '2 minutes'`)
	_, err := w.ledger.TakeOver(w.t.Context())
	w.must(err)
	w.send(first, 6, "applied", "applied", 204, "")
	w.answer(first, lost, ledger.Event{Outcome: "applied", Settles: "applied", Status: 204})
	w.send(first, 7, "transient", "failed", 504, "")
	w.claim(first, 8)

	second = w.enqueue(fabrikam, "other.csv", update{configuration, "s1", ""})
	w.must(w.ledger.Hold(w.t.Context(), second, "bob@desk", "lunch"))
	w.must(w.ledger.Cancel(w.t.Context(), second, "bob@desk", "no longer wanted"))

	third = w.enqueue(contoso, "twice.csv", update{configuration, "s9", ""}, update{configuration, "s9", ""})
	w.claim(third, 1)
	w.send(third, 2, "applied", "applied", 204, "")
	return first, second, third
}
