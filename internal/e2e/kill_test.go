package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"
)

// faultsAmongKills are what goes wrong besides the kills; none of it is a row's fault.
var faultsAmongKills = []string{
	"--latency=100ms", "--fault=429:method=PATCH:after=120:first=1", "--fault=503:method=PATCH:after=200:first=1",
	"--fault=500:2%:method=PATCH", "--fault=reset:2%:method=PATCH",
}

// killing is an installation whose workers are killed and replaced.
type killing struct {
	*kit
	books   books
	root    string // of the simulator
	workers []*process
	dead    []string             // the names of those that were killed
	flying  map[string]time.Time // client-request-ids that were in flight at a kill, and when that was
}

// newKilling starts all that is needed, with that many workers and that limit.
func newKilling(t *testing.T, workers int, limit string) *killing {
	t.Helper()
	k, db := newTestKit(t)
	k.env["GRAPH_WRITE_LIMIT"] = limit
	root := k.simulator(faultsAmongKills...)
	return &killing{kit: k, books: books{k, db.Conn(t)}, root: root, workers: k.working(workers), flying: map[string]time.Time{}}
}

// name is what a worker calls itself in the ledger.
func (k *killing) name(p *process) string {
	k.tb.Helper()
	host, err := os.Hostname()
	if err != nil {
		k.tb.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", host, p.cmd.Process.Pid)
}

// busy is a worker, any of them, that has rows in flight; -1 if none has.
func (k *killing) busy() int {
	k.tb.Helper()
	for _, i := range rand.Perm(len(k.workers)) {
		if k.books.count(`SELECT count(*) FROM in_flight WHERE worker = $1`, k.name(k.workers[i])) > 0 {
			return i
		}
	}
	return -1
}

// strike kills one worker, notes what it had in flight, starts another, and returns how many rows were in flight.
func (k *killing) strike(victim int) int {
	k.tb.Helper()
	p := k.workers[victim]
	p.end(syscall.SIGKILL)
	at, name := time.Now(), k.name(p)
	ids := query[[]string](k.kit, `SELECT coalesce(array_agg(client_request_id::text), '{}') FROM in_flight WHERE worker = $1`, name)
	for _, id := range ids {
		k.flying[id] = at
	}
	k.dead = append(k.dead, name)
	k.workers[victim] = k.working(1)[0]
	return len(ids)
}

// age does what the clock would do in a minute and a half: leases of the dead are over, their jobs are rescued, and none
// of them leads. It can be called again and again: a server may finish a claim whose worker is gone.
func (k *killing) age() {
	k.tb.Helper()
	for _, sql := range []string{
		`UPDATE in_flight SET since = since - interval '91 s' WHERE worker = ANY($1) AND since > clock_timestamp() - interval '90 s'`,
		`UPDATE river_job SET state = 'available' WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = ANY($1)`,
		`DELETE FROM river_leader WHERE leader_id = ANY($1)`,
	} {
		if _, err := k.books.conn.Exec(k.tb.Context(), sql, k.dead); err != nil {
			k.tb.Fatal(err)
		}
	}
}

// checkKills holds what is written down against the kills: what was in flight at one has an event; unknown are only
// requests of the dead, so no row of a living worker was taken away from it; no more was sent again than was in flight; and
// every row is applied, or was read as wanted after an update whose answer died with its worker.
func (k *killing) checkKills(run string, rows int) {
	k.tb.Helper()
	for id := range k.flying {
		if n := k.books.count(`SELECT count(*) FROM audit_event WHERE client_request_id = $1`, id); n != 1 {
			k.tb.Errorf("request %s was in flight at a kill and has %d events", id, n)
		}
	}
	if n := k.books.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown' AND NOT worker = ANY($1)`, k.dead); n != 0 {
		k.tb.Errorf("%d requests of living workers are named as unknown", n)
	}
	if n := k.books.count(`SELECT applied + unchanged FROM run_count WHERE run = $1`, run); n != rows {
		k.tb.Errorf("%d rows are applied or found as wanted, want %d", n, rows)
	}
	alone := k.books.count(`SELECT count(*) FROM audit_event found WHERE outcome = 'unchanged' AND NOT EXISTS (
		SELECT FROM audit_event lost WHERE lost.run = found.run AND lost.row = found.row AND lost.outcome = 'unknown')`)
	if alone != 0 {
		k.tb.Errorf("%d rows are said to be unchanged without an update whose answer was lost", alone)
	}
	nothing := k.books.count(`SELECT count(*) FROM audit_event WHERE method = 'PATCH' AND NOT final`)
	if sent := len(patches(k.kit, k.root)); sent > rows+nothing+len(k.flying) {
		k.tb.Errorf("Graph saw %d updates of %d rows, of which %d came to nothing and %d were in flight at a kill", sent, rows, nothing, len(k.flying))
	}
	checkBooks(k.kit, k.root, run, rows)
}

// Workers are killed three times while they send, in the midst of faults, and replaced. Nothing is lost, nothing
// is applied without an event, and only what was in flight is sent again.
func TestWorkersKilled(t *testing.T) {
	t.Parallel()
	const rows, kills = 600, 3
	k := newKilling(t, 3, "1200/20s")
	run := k.enqueue(rows)
	struck := 0
	for n := 1; n <= kills; n++ {
		k.until("rows are settled, and some in flight", func() bool {
			if n > 1 {
				k.age()
			}
			return k.books.count(`SELECT settled FROM run_count WHERE run = $1`, run) >= n*rows/5 && k.busy() >= 0
		})
		struck += k.strike(max(k.busy(), 0))
	}
	k.until("all rows are settled", func() bool {
		k.age()
		return k.books.count(`SELECT settled FROM run_count WHERE run = $1`, run) == rows
	})
	k.checkKills(run, rows)
	unknown := k.books.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`)
	if struck == 0 || unknown == 0 {
		t.Errorf("%d rows were in flight at the kills, %d are unknown: the kills missed", struck, unknown)
	}
	t.Logf("%d kills, %d rows in flight at them, %d unknown, %d updates sent for %d rows", kills, struck, unknown, len(patches(k.kit, k.root)), rows)
}
