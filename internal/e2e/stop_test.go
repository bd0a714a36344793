package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Four workers are replaced one after the other while they send: each finishes what it has in flight, none leaves anything
// unknown behind, and the work hardly stops.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	const rows = 700
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	k.env["GRAPH_WRITE_LIMIT"] = "1000/20s"
	root := k.simulator("--latency=100ms")
	workers := k.working(4)
	run := k.enqueue(rows)
	k.settled(run, 20)
	for _, old := range workers {
		k.working(1)
		if code := old.end(syscall.SIGTERM); code != 0 {
			t.Errorf("a worker that was replaced ended with %d:\n%s", code, old.stderr)
		}
	}
	k.settled(run, rows)
	if n := b.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`); n != 0 {
		t.Errorf("%d requests are unknown", n)
	}
	sent := patches(k, root)
	slices.SortFunc(sent, func(a, b request) int { return a.At.Compare(b.At) })
	for i := 1; i < len(sent); i++ {
		if gap := sent[i].At.Sub(sent[i-1].At); gap > 10*time.Second {
			t.Errorf("nothing was sent for %s", gap)
		}
	}
	if len(sent) != rows {
		t.Errorf("%d updates were sent for %d rows", len(sent), rows)
	}
	checkBooks(k, root, run, rows)
}

// Told twice, a worker ends at once, whatever it waits for; what it had in flight is named later.
func TestTermTwice(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	root := k.simulator("--latency=20s")
	worker := k.working(1)[0]
	k.enqueue(1)
	k.until("a request is under way", func() bool { return get[stats](k, root+"/_sim/stats")[0].InFlight == 1 })
	if err := syscall.Kill(-worker.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	k.until("the worker stops", func() bool { return strings.Contains(worker.stderr.String(), "a second signal ends at once") })
	if code := worker.end(syscall.SIGTERM); code != -1 {
		t.Errorf("ended with %d:\n%s", code, worker.stderr)
	}
	// An answer would have been recorded, and the row taken out.
	if n := b.count(`SELECT count(*) FROM in_flight`); n != 1 {
		t.Errorf("%d rows are in flight", n)
	}
	b.exec(`UPDATE in_flight SET since = since - interval '91 s'`)
	b.exec(`DELETE FROM river_leader`)
	k.working(1)
	k.until("the row is named", func() bool { return b.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`) == 1 })
}
