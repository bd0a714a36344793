package e2e

import (
	"path/filepath"
	"testing"
)

// BenchmarkResultsMemory measures the peak resident memory of `audit results`, whole process, at ten thousand rows and at a
// million, all of them settled, a tenth after a second attempt. What grows with the rows would show as the difference.
func BenchmarkResultsMemory(b *testing.B) {
	const few, many = 10_000, 1_000_000
	k := newBenchKit(b)
	runs := map[int]string{}
	for _, rows := range []int{few, many} {
		runs[rows] = enqueued(k, k.ok("enqueue", "csv", "--hold", "--output=json", k.sample(rows)))
		k.psql(`INSERT INTO audit_event (run, row, outcome, method, status, sent_at, elapsed_us, client_request_id, request_id, response_body, final)
			SELECT run, row, o.outcome, 'PATCH', o.status, now(), 200000, gen_random_uuid(), gen_random_uuid()::text,
			       convert_to('{"id":"' || user_status_id || '","status":"nonCompliant","userPrincipalName":"someone@contoso.com","devicesCount":3}', 'UTF8'), o.final
			FROM status_update, (VALUES ('transient', 503, false), ('applied', 200, true)) o (outcome, status, final)
			WHERE run = `+runs[rows]+` AND (o.final OR row % 10 = 0)`, `ANALYZE`)
	}
	for b.Loop() {
		for _, rows := range []int{few, many} {
			out := filepath.Join(k.dir, "results.csv")
			r := k.ok("audit", "results", runs[rows], "--force", "-o", out)
			name := "MiB_few"
			if rows == many {
				name = "MiB_many"
				b.ReportMetric(many/r.wall.Seconds(), "rows/s")
			}
			b.ReportMetric(float64(r.peak)/(1<<20), name)
		}
		rejected := k.ok("audit", "results", runs[many], "--force", "--outcome", "rejected,failed", "-o", filepath.Join(k.dir, "rejected.csv"))
		b.ReportMetric(rejected.wall.Seconds(), "s_rejected")
	}
}
