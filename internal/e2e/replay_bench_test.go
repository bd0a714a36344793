package e2e

import (
	"os"
	"strconv"
	"testing"
)

// BenchmarkReplay measures the peak resident memory of `enqueue replay`, whole process, for a few rows and for many
// (GRAPHPATCH_BENCH_ROWS, a million), and how long a dry run takes to find the hundredth of the rows that was rejected, how long one of all
// rows, and how long it takes to enqueue them all.
func BenchmarkReplay(b *testing.B) {
	const few = 10_000
	many, err := strconv.Atoi(os.Getenv("GRAPHPATCH_BENCH_ROWS"))
	if err != nil {
		many = 1_000_000
	}
	k := newBenchKit(b)
	runs := map[int]string{}
	for _, rows := range []int{few, many} {
		runs[rows] = enqueued(k, k.ok("enqueue", "csv", "--hold", "--output=json", k.sample(rows)))
		k.psql(`INSERT INTO audit_event (run, row, outcome, method, status, sent_at, elapsed_us, client_request_id, request_id, final)
			SELECT run, row, CASE row % 100 WHEN 0 THEN 'rejected' ELSE 'applied' END, 'PATCH', 200, now(), 200000, gen_random_uuid(), gen_random_uuid()::text, true
			FROM status_update WHERE run = `+runs[rows], `ANALYZE`)
	}
	for b.Loop() {
		// The rows of few are those of many, too: the later run has reached them.
		small := k.ok("enqueue", "replay", "--dry-run", "--outcome=all", "--force", runs[few])
		rejected := k.ok("enqueue", "replay", "--dry-run", runs[many])
		all := k.ok("enqueue", "replay", "--dry-run", "--outcome=all", runs[many])
		in := k.ok("enqueue", "replay", "--hold", "--again", "--force", "--outcome=all", runs[many])
		b.ReportMetric(float64(small.peak)/(1<<20), "MiB_few")
		b.ReportMetric(float64(max(all.peak, in.peak))/(1<<20), "MiB_many")
		b.ReportMetric(rejected.wall.Seconds(), "s_rejected")
		b.ReportMetric(float64(many)/all.wall.Seconds(), "rows/s_looked_at")
		b.ReportMetric(float64(many)/in.wall.Seconds(), "rows/s_enqueued")
	}
}
