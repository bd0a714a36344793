package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soak skips a test that takes minutes unless it is asked for.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("GRAPHPATCH_CHAOS") == "" {
		t.Skip("takes minutes: GRAPHPATCH_CHAOS=1 runs it")
	}
}

// The server goes three times for half a minute, and once for longer than a claim is good for. The workers neither grow
// nor spin while they wait, and afterwards everything is as if nothing had been.
func TestChaosOutageOfTheServer(t *testing.T) {
	soak(t)
	const rows = 12_000
	o := newOutage(t, nil)
	workers := o.working(2)
	run := o.enqueue(rows)
	o.settled(run, 2000) // the heap has its size by then
	for _, e := range endings() {
		o.watched(workers, e.name, func() { o.goesAndComes(workers, run, e, 30*time.Second) })
		o.goesOn(run)
	}
	long := endings()[0]
	o.watched(workers, "for three minutes", func() { o.goesAndComes(workers, run, long, 3*time.Minute) })
	o.settled(run, rows)
	checkBooks(o.kit, o.root, run, rows)
	o.checkConnections(len(workers))
	for _, w := range workers {
		checkSays(t, w, len(endings())+1)
	}
	o.tellTotals(rows)
	o.checkGoroutines(workers)
}

// The way to the database is gone for two minutes: nobody is told, bytes vanish.
func TestChaosOutageOfTheWayToTheDatabase(t *testing.T) {
	soak(t)
	const rows = 11000
	o := newOutage(t, nil)
	r := o.relayed()
	w := newWire(t, r.listener.Addr().String())
	workers := o.workingThrough(w, 2)
	run := o.enqueue(rows)
	o.settled(run, 2000)
	for _, trouble := range toTheDatabase(2 * time.Minute) {
		o.watched(workers, trouble.name, func() { o.meets(w, run, trouble) })
	}
	for range 3 {
		o.stranded(r, run, len(workers))
	}
	o.settled(run, rows)
	checkBooks(o.kit, o.root, run, rows)
	o.checkConnections(len(workers))
	o.tellTotals(rows)
	o.checkGoroutines(workers)
}

// tellTotals says what the run came to.
func (o *outage) tellTotals(rows int) {
	o.tb.Helper()
	unknown := query[int](o.kit, `SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`)
	o.tb.Logf("%d updates of %d rows, %d answers unknown", len(patches(o.kit, o.root)), rows, unknown)
}

// watched does something, and tells what it made of the workers' memory and time.
func (o *outage) watched(workers []*process, what string, do func()) {
	o.tb.Helper()
	begun := time.Now()
	memory, spent := make([]int64, len(workers)), make([]time.Duration, len(workers))
	for i, w := range workers {
		memory[i], spent[i] = resident(w), processor(w)
	}
	do()
	took := time.Since(begun)
	for i, w := range workers {
		grown, busy := resident(w)-memory[i], processor(w)-spent[i]
		o.tb.Logf("%s, worker %d: %d MB, %+d MB; %.1f %% of a processor in %s",
			what, i+1, (memory[i]+grown)>>20, grown>>20, 100*busy.Seconds()/took.Seconds(), took.Round(time.Second))
		if grown > 64<<20 {
			o.tb.Errorf("%s: worker %d grew by %d MB", what, i+1, grown>>20)
		}
		if busy > took/2 {
			o.tb.Errorf("%s: worker %d was busy for %s of %s", what, i+1, busy, took)
		}
	}
}

// tick is the unit of Linux's accounts of processor time.
const tick = 10 * time.Millisecond

// processor is the time for which a program has had a processor.
func processor(p *process) time.Duration {
	p.tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	var total time.Duration
	for _, field := range fields[11:13] { // by itself, and the system for it
		ticks, err := strconv.Atoi(field)
		if err != nil {
			p.tb.Fatal(err)
		}
		total += time.Duration(ticks) * tick
	}
	return total
}

// resident is the memory that a program occupies, in bytes.
func resident(p *process) int64 {
	p.tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		p.tb.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		p.tb.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
