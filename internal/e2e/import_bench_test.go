package e2e

import (
	"encoding/csv"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkImport measures `enqueue csv`, whole process, against `psql \copy` of the same file into a bare table: no
// indexes, every column text. The two take turns, and the share is that of each pair.
func BenchmarkImport(b *testing.B) {
	const rows, pairs = 200_000, 5
	k := newBenchKit(b)
	file := k.sample(rows)
	bare := bareTable(b, file)
	for b.Loop() {
		var shares, speeds []float64
		for range pairs {
			copied := k.psql(`DROP TABLE IF EXISTS bare`, bare, `\copy bare FROM '`+file+`' CSV HEADER`)
			imported := k.ok("enqueue", "csv", "--again", file)
			shares = append(shares, copied.wall.Seconds()/imported.wall.Seconds())
			speeds = append(speeds, rows/imported.wall.Seconds())
		}
		b.Logf("share of \\copy: %s", spread(shares))
		b.ReportMetric(median(shares), "of_copy")
		b.ReportMetric(median(speeds), "rows/s")
	}
}

// BenchmarkImportMemory measures the peak resident memory of `enqueue csv` at a million rows.
func BenchmarkImportMemory(b *testing.B) {
	const rows = 1_000_000
	k := newBenchKit(b)
	file := k.sample(rows)
	for b.Loop() {
		imported := k.ok("enqueue", "csv", "--again", file)
		b.ReportMetric(float64(imported.peak)/(1<<20), "MiB_peak")
		b.ReportMetric(rows/imported.wall.Seconds(), "rows/s")
	}
}

// bareTable is a table with a text column for each of the file's.
func bareTable(b *testing.B, file string) string {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	header, err := csv.NewReader(f).Read()
	if err != nil {
		b.Fatal(err)
	}
	return `CREATE TABLE bare ("` + strings.Join(header, `" text, "`) + `" text)`
}

// psql runs commands in one process; the last is what is measured, the others take milliseconds.
func (k *kit) psql(commands ...string) ran {
	k.tb.Helper()
	args := []string{"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=" + k.env["DATABASE_URL"]}
	for _, c := range commands {
		args = append(args, "--command="+c)
	}
	r := k.finish(exec.CommandContext(k.tb.Context(), "psql", args...))
	if r.code != 0 {
		k.tb.Fatal(r)
	}
	return r
}
