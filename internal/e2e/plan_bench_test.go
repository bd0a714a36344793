package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"graphpatch/internal/budget"
)

// planRows is how many rows a benchmark reads: GRAPHPATCH_PLAN_ROWS, if that is set.
func planRows(b *testing.B, otherwise int) int {
	b.Helper()
	text := os.Getenv("GRAPHPATCH_PLAN_ROWS")
	if text == "" {
		return otherwise
	}
	rows, err := strconv.Atoi(text)
	if err != nil || rows < 1000 {
		b.Fatalf("GRAPHPATCH_PLAN_ROWS=%s: use a number from 1000 on", text)
	}
	return rows
}

// planConfigurations is over how many configurations the rows are spread: each is a list of its own.
const planConfigurations = 10

// BenchmarkReadFirst counts what it takes to bring Graph to what a file asks for when so many per cent of its rows differ: requests
// of each kind, what they take at Graph's limits, one kind after the other, and the memory of the worker. Loopback has no limit,
// so that the counts are had in minutes.
func BenchmarkReadFirst(b *testing.B) {
	rows := planRows(b, 100_000)
	k, root := newPlanBench(b, rows)
	for b.Loop() {
		for _, percent := range []int{0, 5, 50, 100} {
			k.reset(root)
			k.seedStatuses(root, rows)
			k.ok("enqueue", "csv", "--again", k.planFile(rows, percent))
			drained := k.ok("worker", "--drain")
			sent, read := 0, 0
			for _, r := range get[request](k, root+"/_sim/requests") {
				if r.Method == http.MethodPatch {
					sent++
				} else {
					read++
				}
			}
			takes := budget.DefaultReads.Time(read) + budget.DefaultWrites.Time(sent)
			b.Logf("%d rows, %d %% changed: %d PATCHes, %d reads; at the limits %s, blind %s; here %s, worker's peak %d MiB", rows, percent, sent, read,
				takes.Round(time.Second), budget.DefaultWrites.Time(rows).Round(time.Second), drained.wall.Round(100*time.Millisecond), drained.peak>>20)
			b.ReportMetric(float64(sent+read), fmt.Sprintf("requests@%d%%", percent))
		}
	}
}

// BenchmarkPlanMemory reads a million statuses and sends nothing. Graph's pages stay as long as they are, so the memory of the worker
// is that of a page, whatever their number.
func BenchmarkPlanMemory(b *testing.B) {
	rows := planRows(b, 1_000_000)
	k, root := newPlanBench(b, rows)
	for b.Loop() {
		k.reset(root)
		k.seedStatuses(root, rows)
		k.ok("enqueue", "csv", "--again", k.planFile(rows, 0))
		drained := k.ok("worker", "--drain")
		read := len(get[request](k, root+"/_sim/requests"))
		b.Logf("%d statuses in %d requests: worker's peak %d MiB, %s", rows, read, drained.peak>>20, drained.wall.Round(100*time.Millisecond))
		b.ReportMetric(float64(drained.peak>>20), "peak_MiB")
	}
}

func newPlanBench(b *testing.B, rows int) (k *kit, root string) {
	b.Helper()
	k = newBenchKit(b)
	root = k.simulator("--read-limit=10000000/20s", "--keep-requests="+strconv.Itoa(3*rows))
	k.env["GRAPH_WRITE_LIMIT"], k.env["GRAPH_READ_LIMIT"] = "1000000000/20s", "1000000000/20s"
	k.readsFirst = true
	return k, root
}

// seedStatuses has Graph show every row's status as compliant.
func (k *kit) seedStatuses(root string, rows int) {
	k.tb.Helper()
	const most = 100_000 // in one request
	for first := 0; first < rows; first += most {
		var body bytes.Buffer
		separator := "["
		for i := first; i < min(rows, first+most); i++ {
			fmt.Fprintf(&body, `%s{"configuration":"conf-%d","id":"a0a0a0a0-b1b1-c2c2-d3d3-e4e4e4e4e4e4_user-%08d","properties":{"status":"compliant","devicesCount":2,"userDisplayName":"User %d"}}`,
				separator, i%planConfigurations, i, i)
			separator = ","
		}
		body.WriteString("]")
		resp, err := http.Post(root+"/_sim/statuses", "application/json", &body)
		if err != nil {
			k.tb.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			k.tb.Fatal(resp.Status)
		}
	}
}

// planFile writes a CSV of those rows, of which so many per cent ask for something else.
func (k *kit) planFile(rows, percent int) string {
	k.tb.Helper()
	path := filepath.Join(k.dir, fmt.Sprintf("plan-%d.csv", percent))
	f, err := os.Create(path)
	if err != nil {
		k.tb.Fatal(err)
	}
	out := bufio.NewWriter(f)
	fmt.Fprintln(out, "deviceConfigurationId,userStatusId,status,devicesCount")
	for i := range rows {
		status := "compliant"
		if i/planConfigurations%100 < percent {
			status = "error"
		}
		fmt.Fprintf(out, "conf-%d,a0a0a0a0-b1b1-c2c2-d3d3-e4e4e4e4e4e4_user-%08d,%s,2\n", i%planConfigurations, i, status)
	}
	if err := out.Flush(); err != nil {
		k.tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		k.tb.Fatal(err)
	}
	return path
}
