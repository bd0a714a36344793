package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// trouble is what happens on a wire for a while.
type trouble struct {
	name   string
	toxics []toxic
	lasts  time.Duration
}

// toTheDatabase is what happens between the workers and the database: answers come late, connections are reset, all bytes
// vanish, the line is slow.
func toTheDatabase(vanished time.Duration) []trouble {
	return []trouble{
		{"late", []toxic{{Type: "latency", Attributes: map[string]int{"latency": 200, "jitter": 50}}}, 4 * time.Second},
		{"reset", []toxic{{Type: "reset_peer", Attributes: map[string]int{"timeout": 0}}}, 2 * time.Second},
		{"vanished", []toxic{
			{Type: "timeout", Attributes: map[string]int{"timeout": 0}},
			{Type: "timeout", Stream: "upstream", Attributes: map[string]int{"timeout": 0}},
		}, vanished},
		{"slow", []toxic{{Type: "bandwidth", Attributes: map[string]int{"rate": 100}}}, 2 * time.Second},
	}
}

// The run goes on after whatever happens on the way to the database, also when a firewall forgets the connections; the
// events are what Graph saw, and nothing is sent without need.
func wayToTheDatabase(t *testing.T) {
	const rows = 1800
	o := newOutage(t, nil)
	r := o.relayed()
	w := newWire(t, r.listener.Addr().String())
	workers := o.workingThrough(w, 2)
	run := o.enqueue(rows)
	for _, trouble := range toTheDatabase(6 * time.Second) {
		o.meets(w, run, trouble)
	}
	o.stranded(r, run, len(workers))
	o.settled(run, rows)
	checkBooks(o.kit, o.root, run, rows)
	o.checkConnections(len(workers))
	o.checkGoroutines(workers)
}

// workingThrough starts workers that reach the database by a wire.
func (o *outage) workingThrough(w *wire, n int) []*process {
	o.tb.Helper()
	o.env["DATABASE_URL"] = o.through(w.addr())
	defer func() { o.env["DATABASE_URL"] = o.db.URL }()
	return o.working(n)
}

// meets has something go wrong in the middle of a run, and returns when it goes on.
func (o *outage) meets(w *wire, run string, what trouble) {
	o.tb.Helper()
	cure := w.poison(what.toxics...)
	before := len(patches(o.kit, o.root))
	o.pass(what.lasts)
	sent := len(patches(o.kit, o.root)) - before
	cure()
	after := o.goesOn(run)
	o.tb.Logf("%s for %s: %d sent meanwhile, goes on after %s", what.name, what.lasts, sent, after)
}

// stranded has the connections forgotten that are there, and returns when the run goes on, and so many workers hear of
// pauses again: those connections say nothing for hours when all is well.
func (o *outage) stranded(r *relay, run string, workers int) {
	o.tb.Helper()
	since := query[time.Time](o.kit, `SELECT clock_timestamp()`)
	n := r.strand()
	o.tb.Logf("%d connections stranded: goes on after %s", n, o.goesOn(run))
	o.until("forgotten connections are given up", r.givenUp)
	o.until("pauses are heard of again", func() bool {
		return query[int](o.kit, `SELECT count(*) FROM pg_stat_activity
			WHERE application_name = 'graphpatch worker budget listen' AND backend_start > $1`, since) == workers
	})
}

// goesOn waits until a hundred more rows are settled.
func (o *outage) goesOn(run string) time.Duration {
	o.tb.Helper()
	begun := time.Now()
	o.settled(run, 100+query[int](o.kit, `SELECT settled FROM run_count WHERE run = $1`, run))
	return time.Since(begun).Round(100 * time.Millisecond)
}

// Between the worker and Graph: answers come late, connections are reset in the middle of requests, all bytes vanish, or
// come one by one. The run ends with every row applied, and the events are what Graph saw.
func wayToGraph(t *testing.T) {
	troubles := []trouble{
		{"late", []toxic{{Type: "latency", Attributes: map[string]int{"latency": 500, "jitter": 300}}}, 2 * time.Second},
		{"in pieces", []toxic{{Type: "slicer", Attributes: map[string]int{"average_size": 7, "size_variation": 5, "delay": 500}}}, 2 * time.Second},
		{"reset", []toxic{{Type: "reset_peer", Attributes: map[string]int{"timeout": 50}}}, 2 * time.Second},
		{"vanished", []toxic{
			{Type: "timeout", Attributes: map[string]int{"timeout": 0}},
			{Type: "timeout", Stream: "upstream", Attributes: map[string]int{"timeout": 0}},
		}, 6 * time.Second},
	}
	const rows = 1500
	k, _ := newTestKit(t)
	root := k.simulator("--latency=100ms")
	direct, err := url.Parse(root)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, direct.Host)
	direct.Host = w.addr()
	k.env["GRAPH_BASE_URL"], k.env["GRAPH_TIMEOUT"], k.env["GRAPH_WRITE_LIMIT"] = direct.String(), "3s", "4000/20s"
	k.working(1)
	run := k.enqueue(rows)
	settled := 100
	for _, trouble := range troubles {
		k.settled(run, settled)
		cure := w.poison(trouble.toxics...)
		k.pass(trouble.lasts)
		cure()
		settled = min(100+query[int](k, `SELECT settled FROM run_count WHERE run = $1`, run), rows)
	}
	k.settled(run, rows)
	if n := query[int](k, `SELECT applied FROM run_count WHERE run = $1`, run); n != rows {
		t.Errorf("%d rows are applied, want %d", n, rows)
	}
	checkBooks(k, root, run, rows)
}

// The connection on which a worker hears of pauses is lost without a word, and others are ended by a person, one after the
// other. A pause that another process asked for just then is obeyed all the same, because the row is the truth.
func lostConnections(t *testing.T) {
	const rows = 1200
	k, db := newTestKit(t)
	root := k.simulator("--latency=50ms")
	k.env["GRAPH_WRITE_LIMIT"] = "4000/20s"
	w := k.working(1)[0]
	run := k.enqueue(rows)
	conn := db.Conn(t)
	for i, name := range []string{"", " ledger", " budget", " budget listen"} {
		k.settled(run, (i+1)*100)
		tag, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = $2`,
			db.Name, "graphpatch worker"+name)
		if err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("%d connections of %q ended, %v", tag.RowsAffected(), name, err)
		}
		if name != " budget listen" {
			continue
		}
		// Nobody is told, as when NOTIFY comes while nobody listens.
		var until time.Time
		if err := conn.QueryRow(t.Context(), `UPDATE budget SET paused_since = clock_timestamp(), paused_until = clock_timestamp() + interval '6 s', revision = revision + 1
			WHERE app <> '' AND class = 'write' RETURNING paused_until`).Scan(&until); err != nil {
			t.Fatal(err)
		}
		k.until("the pause is over", func() bool { return time.Now().After(until) })
		// What the worker knows it has looked up, at the latest a second after.
		for _, r := range patches(k, root) {
			if r.At.After(until.Add(-4500*time.Millisecond)) && r.At.Before(until) {
				t.Errorf("sent %s before the pause is over", until.Sub(r.At))
			}
		}
	}
	k.settled(run, rows)
	checkBooks(k, root, run, rows)
	if strings.Contains(w.stderr.String(), "cannot be reached") {
		t.Errorf("the database is said to be gone, which it never was:\n%s", w.stderr)
	}
}
