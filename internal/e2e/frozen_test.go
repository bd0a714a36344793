package e2e

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// A worker is stopped with requests on their way, taken for dead, and wakes up when another has finished its work: it sends
// nothing, its answers are kept, and no row has two verdicts.
func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	const rows = 300
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	k.env["GRAPH_WRITE_LIMIT"] = "1000/20s"
	root := k.simulator("--latency=400ms")
	frozen := k.working(1)[0]
	run := k.enqueue(rows)
	k.settled(run, 50)
	freeze(t, frozen, syscall.SIGSTOP)
	flying := b.count(`SELECT count(*) FROM in_flight`)
	other := k.working(1)[0]
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	dead := &killing{kit: k, books: b, dead: []string{fmt.Sprintf("%s:%d", host, frozen.cmd.Process.Pid)}}
	k.until("the other worker has finished the run", func() bool {
		dead.age()
		return b.count(`SELECT settled FROM run_count WHERE run = $1`, run) == rows
	})
	woken := time.Now()
	freeze(t, frozen, syscall.SIGCONT)
	k.until("its answers are recorded", func() bool { return b.count(`SELECT late FROM run_count WHERE run = $1`, run) > 0 })
	for _, w := range []*process{frozen, other} {
		if code := w.end(syscall.SIGTERM); code != 0 {
			t.Errorf("a worker ended with %d:\n%s", code, w.stderr)
		}
	}
	for _, r := range get[request](k, root+"/_sim/requests") {
		if r.At.After(woken) {
			t.Errorf("%s %s left %s after it woke up", r.Method, r.Path, r.At.Sub(woken))
		}
	}
	unknown := b.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`)
	if late := b.count(`SELECT late FROM run_count WHERE run = $1`, run); unknown == 0 || unknown > flying || late > unknown {
		t.Errorf("%d were in flight, %d are unknown, %d answers came late", flying, unknown, late)
	}
	if n := b.count(`SELECT count(*) FROM (SELECT FROM audit_event WHERE run = $1 AND final GROUP BY row HAVING count(*) = 1) one`, run); n != rows {
		t.Errorf("%d rows have one final event, want %d", n, rows)
	}
	if n := b.count(`SELECT count(*) FROM in_flight`); n != 0 {
		t.Errorf("%d rows are left in flight", n)
	}
}

func freeze(t *testing.T, p *process, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.cmd.Process.Pid, signal); err != nil {
		t.Fatal(err)
	}
}
