package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres"
)

// outage is an installation with a database server that the test may end, and a simulated Graph whose answers take long
// enough for a part of them to come while the database is away.
type outage struct {
	*kit
	config postgres.Config
	db     *postgres.Database
	root   string // of the simulator
}

// newOutage starts all but the workers. The server has the product's own settings, so that what was promised to be on disk
// is, and the given ones.
func newOutage(t *testing.T, settings map[string]string) *outage {
	t.Helper()
	o := &outage{kit: newKit(t)}
	o.config = postgres.Config{DataDir: filepath.Join(o.dir, "postgres"), Settings: settings}
	o.openServer()
	t.Cleanup(o.closeServer)
	o.env["DATABASE_URL"] = o.db.URL
	o.env["GRAPH_WRITE_LIMIT"] = "4000/20s"
	o.ok("worker", "migrate")
	o.root = o.simulator("--latency=300ms")
	return o
}

// openServer starts the server, whatever became of it.
func (o *outage) openServer() {
	o.tb.Helper()
	var err error
	if o.db, err = postgres.Open(o.tb.Context(), o.config); err != nil {
		o.tb.Fatal(err)
	}
}

// closeServer stops the server in order; its clients are sent away.
func (o *outage) closeServer() {
	o.tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.tb.Context()), time.Minute)
	defer cancel()
	if err := o.db.Close(ctx); err != nil {
		o.tb.Error(err)
	}
}

// signalServer sends a signal to the server's first process.
func (o *outage) signalServer(signal syscall.Signal) {
	o.tb.Helper()
	text, err := os.ReadFile(filepath.Join(o.config.DataDir, "data", "postmaster.pid"))
	if err != nil {
		o.tb.Fatal(err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		o.tb.Fatal(err)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		o.tb.Fatal(err)
	}
}

// hasEnded reports whether a process is no more, or nobody has asked yet how it ended.
func hasEnded(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && bytes.Contains(text, []byte(") Z "))
}

// query runs one statement on a connection of its own.
func query[T any](k *kit, sql string, args ...any) (value T) {
	k.tb.Helper()
	conn := k.connect()
	defer conn.Close(k.tb.Context())
	if err := conn.QueryRow(k.tb.Context(), sql, args...).Scan(&value); err != nil {
		k.tb.Fatalf("%v: %s", err, sql)
	}
	return value
}

func (k *kit) connect() *pgx.Conn {
	k.tb.Helper()
	conn, err := pgx.Connect(k.tb.Context(), k.env["DATABASE_URL"])
	if err != nil {
		k.tb.Fatal(err)
	}
	return conn
}

// working starts workers and returns when they work.
func (k *kit) working(n int) []*process {
	k.tb.Helper()
	workers := make([]*process, n)
	for i := range workers {
		workers[i] = k.start(nil, "worker")
	}
	for _, w := range workers {
		k.until("a worker works", func() bool { return strings.Contains(w.stderr.String(), "msg=working") })
	}
	return workers
}

// enqueue enqueues that many rows and returns the run.
func (k *kit) enqueue(rows int) (run string) {
	k.tb.Helper()
	return enqueued(k, k.ok("enqueue", "csv", "--output=json", "--again", k.sample(rows)))
}

// settled waits until so many rows of a run are.
func (k *kit) settled(run string, rows int) {
	k.tb.Helper()
	k.until(strconv.Itoa(rows)+" rows are settled", func() bool {
		return query[int](k, `SELECT settled FROM run_count WHERE run = $1`, run) >= rows
	})
}

// checkBooks holds the events of all runs against what Graph saw, once they have ended: every row has one final event,
// what went over the wire was written down once, nothing was sent without need, and nothing is left in flight. Needed
// are one request for each row, and one more for each that came to nothing.
func checkBooks(k *kit, root, run string, rows int) {
	k.tb.Helper()
	final := map[int]int{}
	told, passed := map[string]int{}, 0
	for _, e := range events(k, run) {
		if e.Final {
			final[e.Row]++
		}
		if e.ClientRequestID != "" {
			told[e.ClientRequestID]++
		}
		if e.Method != "GET" && e.Row > 0 && !e.Final {
			passed++
		}
	}
	for row := 1; row <= rows; row++ {
		if final[row] != 1 {
			k.tb.Errorf("row %d has %d final events", row, final[row])
		}
	}
	sent, seen := 0, map[string]bool{}
	for _, r := range get[request](k, root+"/_sim/requests") {
		if told[r.ClientRequestID] != 1 {
			k.tb.Errorf("request %s %s, answered %d, has %d events", r.ClientRequestID, r.Path, r.Status, told[r.ClientRequestID])
		}
		if seen[r.ClientRequestID] {
			k.tb.Errorf("request %s was sent twice", r.ClientRequestID)
		}
		seen[r.ClientRequestID] = true
		if r.Method == "PATCH" {
			sent++
		}
	}
	if sent > rows+passed {
		k.tb.Errorf("Graph saw %d updates of %d rows, of which %d came to nothing", sent, rows, passed)
	}
	if n := query[int](k, `SELECT count(*) FROM in_flight`); n != 0 {
		k.tb.Errorf("%d rows are left in flight", n)
	}
	k.ok("audit", "verify")
}

// errorLines are what a worker said in its log that is no mere information.
func errorLines(w *process) (lines []string) {
	for line := range strings.Lines(w.stderr.String()) {
		if !strings.Contains(line, "level=INFO") {
			lines = append(lines, line)
		}
	}
	return lines
}

// goroutines ends a program with the signal that has it show them, and returns how many there were. Those of idle
// connections to Graph are not counted: there are as many as requests were under way at once.
func goroutines(p *process) (n int) {
	p.tb.Helper()
	p.end(syscall.SIGQUIT)
	for one := range strings.SplitSeq(p.stderr.String(), "\n\n") {
		if strings.HasPrefix(one, "goroutine ") && !strings.Contains(one, "created by net/http.(*Transport)") {
			n++
		}
	}
	return n
}

// signalAll sends a signal to each of them.
func signalAll(all []*process, signal syscall.Signal) {
	for _, p := range all {
		_ = syscall.Kill(p.cmd.Process.Pid, signal)
	}
}

// pass lets time pass in which nothing is to happen.
func (k *kit) pass(d time.Duration) {
	k.tb.Helper()
	select {
	case <-time.After(d):
	case <-k.tb.Context().Done():
		k.tb.Fatal("the test ended while time was to pass")
	}
}

// checkConnections waits until so many workers have no more open than their pools are large: one that was lost takes a
// moment to be closed.
func (o *outage) checkConnections(workers int) {
	o.tb.Helper()
	// River takes the connection it listens on out of the pool.
	sizes := map[string]int{"": max(4, runtime.NumCPU()) + 1, " ledger": 12, " budget": 3, " budget listen": 1}
	for name, size := range sizes {
		o.until("no connection of a pool too many", func() bool {
			n := query[int](o.kit, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, "graphpatch worker"+name)
			return n <= workers*size
		})
	}
}

// checkGoroutines ends workers that have nothing to do any more, and holds the number of their goroutines against that of
// one that has worked, too, but met no outage.
func (o *outage) checkGoroutines(workers []*process) {
	o.tb.Helper()
	var all []int
	for _, w := range workers {
		all = append(all, goroutines(w))
	}
	fresh := o.working(1)[0]
	o.settled(o.enqueue(20), 20)
	want := goroutines(fresh)
	for _, n := range all {
		// Who leads River's maintenance has a dozen more.
		if want == 0 || n > want+20 {
			o.tb.Errorf("%d goroutines, a worker without an outage has %d", n, want)
		}
	}
}
