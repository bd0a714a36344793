package audit

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/postgres/pgtest"
)

// BenchmarkVerify verifies a finished run of 50,000 rows, recorded in commits of 50.
func BenchmarkVerify(b *testing.B) {
	const rows, batch = 50_000, 50
	db, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.New(b).URL})
	if err != nil {
		b.Fatal(err)
	}
	pool, err := db.Pool(b.Context(), postgres.LedgerConfig(4))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	books := ledger.New(pool, "worker-1")
	id, err := books.NextRunID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	n := ledger.NewRun{ID: id, Kind: "csv", Name: "bench", Actor: "bench", Tenant: contoso, Priority: 2, Source: struct{}{}}
	err = pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
		_, err := ledger.Import(b.Context(), tx, n, rowsOf(contoso, distinct(rows)))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for first := int32(1); first < rows; first += batch {
		applied(b, books, id, first, first+batch-1)
	}
	main, err := db.Pool(b.Context(), postgres.PoolConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(main.Close)
	for b.Loop() {
		seen, err := New(main).Verify(b.Context(), VerifyFilter{}, func(f Finding) error { b.Error(f); return nil })
		if err != nil || seen.Rows != rows || seen.Events != rows+2 {
			b.Fatal(seen, err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func distinct(rows int) []update {
	all := make([]update, rows)
	for i := range all {
		all[i] = update{configuration, uuid.NewString(), "anna@contoso.com"}
	}
	return all
}

// applied claims the rows and records answers to them, in one commit.
func applied(b *testing.B, books *ledger.Ledger, id int64, first, last int32) {
	b.Helper()
	run, err := books.Run(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	open, err := books.Open(b.Context(), run, first, last)
	if err != nil {
		b.Fatal(err)
	}
	wishes := make([]ledger.Wish, len(open))
	for i := range open {
		wishes[i] = ledger.Wish{Row: &open[i], ID: uuid.New()}
	}
	claims, _, err := books.Claim(b.Context(), run, wishes)
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"userDisplayName":"Anna Ärmel","devicesCount":3,"status":"compliant","userPrincipalName":"anna@contoso.com"}`)
	events := make([]ledger.Event, len(claims))
	for i, c := range claims {
		events[i] = ledger.Event{
			Run: id, Row: c.Row.Row, Key: c.Row.Key, ID: c.ID, Outcome: "applied", Settles: "applied", SentAt: time.Now(), Method: "PATCH",
			URL: "https://graph.microsoft.com/beta/x", Status: 200, RequestBody: body, ResponseBody: body,
		}
	}
	if _, _, err := books.Record(b.Context(), events); err != nil {
		b.Fatal(err)
	}
}
