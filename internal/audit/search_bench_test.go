package audit

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/postgres/pgtest"
)

// BenchmarkFirstPage measures how long the first page of fifty events takes for each filter, from either end of ten million
// events of a hundred runs; AUDIT_EVENTS is another number. What is asked for differs from one time to the next.
func BenchmarkFirstPage(b *testing.B) {
	events := 10_000_000
	if n, err := strconv.Atoi(os.Getenv("AUDIT_EVENTS")); err == nil {
		events = n
	}
	h := history{runs: 100, rows: events / 110}
	pool := pgtest.New(b).Pool(b)
	began := time.Now()
	h.build(b, pool)
	b.Logf("%d events built in %s", events, time.Since(began).Round(time.Second))
	logSizes(b, pool)
	measurePages(b, New(pool), h)
}

func measurePages(b *testing.B, a *Audit, h history) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for name := range ask(h) {
		for _, end := range []string{"newest", "oldest"} {
			b.Run(name+"/"+end, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					for range 40 {
						f := vary(ask(h)[name], h, random)
						f.Limit, f.Oldest = 50, end == "oldest"
						began := time.Now()
						take(b, a, f)
						took = append(took, time.Since(began))
					}
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms_p95")
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms_p50")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
	b.Run("show", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			for range 20 {
				began := time.Now()
				if _, err := a.Runs(b.Context(), RunFilter{}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms_p95_counts_of_100_runs")
		b.ReportMetric(0, "ns/op")
	})
}

// vary asks for something else of the same kind.
func vary(f EventFilter, h history, random *rand.Rand) EventFilter {
	switch n := 1 + random.IntN(min(h.rows, 50_000)-1); {
	case f.Run != 0 && f.Run != oldest:
		f.Run = h.run(2 + random.IntN(h.runs-1))
	case f.StatusID == "s-10":
		f.StatusID = fmt.Sprintf("s-%d", n)
	case f.StatusID != "":
		f.StatusID = fmt.Sprintf("old-%d", n)
	case f.User.Text != "" && !f.User.Prefix:
		f.User.Text = fmt.Sprintf("user.%d@contoso.com", n)
	case f.User.Text == "user.1":
		f.User.Text = fmt.Sprintf("user.%d", n%100)
	case f.Configuration == "c-7":
		f.Configuration = fmt.Sprintf("c-%d", n%20)
	case f.Row != nil && *f.Row > 0:
		f.Row = row(int32(n))
	}
	return f
}

// logSizes says what the tables and each of their indexes take of the disk.
func logSizes(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	rows, err := pool.Query(b.Context(), `
		SELECT parent || ': ' || pg_size_pretty(sum(pg_relation_size(inhrelid))::bigint) FROM (
			SELECT inhparent::regclass::text AS parent, inhrelid FROM pg_inherits WHERE inhparent::regclass::text ~ '^(audit_event|status_update)'
		) i GROUP BY parent ORDER BY parent`)
	if err != nil {
		b.Fatal(err)
	}
	sizes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.Fatal(err)
	}
	b.Log(strings.Join(sizes, ", "))
}
