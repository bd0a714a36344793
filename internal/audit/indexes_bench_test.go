package audit

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/postgres/pgtest"
)

// BenchmarkIndexes measures what the indexes that only the audit uses cost whoever writes: microseconds of each row of an
// import and of each event of the work, as the difference between two databases that take turns. What else a row and an event
// cost stands beside it only as the server's share of an INSERT … SELECT.
func BenchmarkIndexes(b *testing.B) {
	const runs = 9
	h := history{runs: runs, rows: 50_000}
	with, without := pgtest.New(b).Pool(b), pgtest.New(b).Pool(b)
	exec(b, without, `DROP INDEX audit_event_recorded, audit_event_outcome, audit_event_status, audit_event_worker, audit_event_code, audit_event_slow,
		audit_event_client_request, audit_event_request, status_update_user, status_update_status_id, status_update_place`)
	for _, pool := range []*pgxpool.Pool{with, without} {
		exec(b, pool, `SELECT make_month(202610), make_month(202611)`)
	}
	for b.Loop() {
		var rows, events [2][]time.Duration
		for k := 1; k <= runs; k++ {
			for i, pool := range []*pgxpool.Pool{with, without} {
				h.insert(b, pool, k, insertRun)
				rows[i] = append(rows[i], timed(func() { h.insert(b, pool, k, insertRows) }))
				events[i] = append(events[i], timed(func() { h.insert(b, pool, k, insertEvents) }))
			}
		}
		perRow, perEvent := float64(h.rows), float64(h.rows)*1.1
		b.ReportMetric(middle(rows[0])/perRow, "us_row")
		b.ReportMetric(middle(rows[1])/perRow, "us_row_without")
		b.ReportMetric(middle(events[0])/perEvent, "us_event")
		b.ReportMetric(middle(events[1])/perEvent, "us_event_without")
		for _, pool := range []*pgxpool.Pool{with, without} {
			exec(b, pool, `SET session_replication_role = replica; TRUNCATE run, run_count, status_update, audit_event; RESET session_replication_role`)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func timed(what func()) time.Duration {
	began := time.Now()
	what()
	return time.Since(began)
}

// middle is the median in microseconds.
func middle(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds())
}
