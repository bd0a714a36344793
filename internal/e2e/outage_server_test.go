package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// ending is a way in which a database server goes.
type ending struct {
	name string
	do   func(o *outage)
}

// endings are all three that Postgres knows: in order, at once, and without having been asked.
func endings() []ending {
	return []ending{
		{"stopped", func(o *outage) { o.closeServer() }},
		{"ended at once", func(o *outage) { o.signalServer(syscall.SIGQUIT) }},
		{"killed", func(o *outage) { o.signalServer(syscall.SIGKILL) }},
	}
}

// The database server goes while two workers are sending, and comes back, three times in one run. The workers send what
// was claimed and no more, write down what was answered meanwhile, and go on; each says so in two lines.
func serverGoes(t *testing.T) {
	const rows = 1200
	o := newOutage(t, nil)
	workers := o.working(2)
	run := o.enqueue(rows)
	for i, e := range endings() {
		o.settled(run, (i+1)*rows/5)
		o.goesAndComes(workers, run, e, 2*time.Second)
	}
	o.settled(run, rows)
	checkBooks(o.kit, o.root, run, rows)
	o.checkConnections(len(workers))
	for _, w := range workers {
		checkSays(t, w, len(endings()))
	}
	o.checkGoroutines(workers)
}

// goesAndComes ends the server while the workers send, starts it again after that time, and returns when they go on.
func (o *outage) goesAndComes(workers []*process, run string, e ending, lasts time.Duration) {
	o.tb.Helper()
	// The workers stand still, so that nothing is claimed between the look and the end.
	signalAll(workers, syscall.SIGSTOP)
	claimed := query[int](o.kit, `SELECT count(*) FROM in_flight`)
	settled := query[int](o.kit, `SELECT settled FROM run_count WHERE run = $1`, run)
	unsettled := query[int](o.kit, `SELECT count(*) FROM audit_event WHERE method = 'PATCH' AND NOT final`)
	serving := query[[]int](o.kit, `SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name LIKE 'graphpatch worker%'`)
	e.do(o)
	// Whoever serves a worker must be gone, otherwise it would serve it for a moment more.
	for _, pid := range serving {
		o.until("a process of the server has ended", func() bool { return hasEnded(pid) })
	}
	signalAll(workers, syscall.SIGCONT)
	o.pass(lasts)
	if sent := len(patches(o.kit, o.root)); sent > settled+unsettled+claimed {
		o.tb.Errorf("%s: %d were sent, but only %d were recorded and %d claimed before", e.name, sent, settled+unsettled, claimed)
	}
	o.openServer()
	back := time.Now()
	o.settled(run, settled+claimed+1)
	o.tb.Logf("%s with %d claimed: goes on %s after it is back", e.name, claimed, time.Since(back).Round(100*time.Millisecond))
}

// checkSays holds the log of a worker to two lines for each outage: gone, and back.
func checkSays(t *testing.T, w *process, outages int) {
	t.Helper()
	log := w.stderr.String()
	for _, line := range []string{"the database cannot be reached", "the database is back"} {
		if n := strings.Count(log, line); n != outages {
			t.Errorf("%q is said %d times in %d outages:\n%s", line, n, outages, log)
		}
	}
	// What is met in the moment before the database is found to be gone may be said as well.
	if lines := errorLines(w); len(lines) > 3*outages {
		t.Errorf("%d lines of errors in %d outages:\n%s", len(lines), outages, log)
	}
}
