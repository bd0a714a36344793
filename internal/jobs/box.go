package jobs

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// box is the work on one slice for up to 20 s: rows that are due are claimed in blocks of what the next second can
// send, each is sent at its slot, and what comes again is put back. One goroutine owns it; the requests report to it.
type box struct {
	w       *sliceWorker
	run     ledger.Run
	rows    waiting
	ends    time.Time
	state   ledger.State // of the run, as the last claim saw it
	stop    string       // why the run must stop
	flying  int          // claimed and not yet reported
	lost    bool         // of some row it is not known what was recorded
	unsent  []report     // claimed, and never left
	reports chan report
}

// waitingRow is an open row and when it may be sent.
type waitingRow struct {
	*ledger.OpenRow
	due time.Time
}

// waiting are the open rows that are not in flight, in the order of their times.
type waiting []waitingRow

func (q waiting) next() time.Time { return q[0].due }

// put keeps the order, and among rows of one time that in which they came.
func (q *waiting) put(row waitingRow) {
	at := sort.Search(len(*q), func(i int) bool { return (*q)[i].due.After(row.due) })
	*q = slices.Insert(*q, at, row)
}

// takeDue takes up to most rows whose time has come.
func (q *waiting) takeDue(now time.Time, most int) []waitingRow {
	n := sort.Search(len(*q), func(i int) bool { return (*q)[i].due.After(now) })
	n = min(n, most)
	taken := (*q)[:n:n]
	*q = (*q)[n:]
	return taken
}

// report is what became of one claimed row.
type report struct {
	claim ledger.Claim
	kind  reportKind
	again time.Duration // comesAgain: after this time
	stop  string
}

type reportKind int

const (
	settled    reportKind = iota // has its final event
	comesAgain                   // has an event, and more to come
	unsent                       // its request never left; to be taken out of flight
	tokenless                    // unsent, because there was no token: the box is over
	lost                         // recorded late, or not at all: opening the slice anew will tell
)

const (
	// maxFlying bounds the rows that one slice has in flight; maxBlock those that one claim takes: a crash names no
	// more than these as unknown.
	maxFlying = 200
	maxBlock  = 100
	// ahead is how far slots are taken in advance. A row that is claimed too long before its slot would be too late.
	ahead = time.Second
	// maxLate is how late a slot may be used. Later, the request would slip into a window whose slots others have; the
	// limit has twice as much in hand.
	maxLate = 100 * time.Millisecond
	// busyWait is when a row comes again whose target is in flight elsewhere.
	busyWait = time.Second
)

func newBox(w *sliceWorker, run ledger.Run, open []ledger.OpenRow, now time.Time) *box {
	b := &box{w: w, run: run, state: run.State, ends: now.Add(boxTime), reports: make(chan report, maxFlying)}
	for i := range open {
		b.rows.put(waitingRow{&open[i], now.Add(due(run.ID, open[i].Row, open[i].Past))})
	}
	return b
}

// work goes on until the box is over, nothing is left, or the run stands still; then it waits for what is in flight.
func (b *box) work(ctx context.Context) error {
	wake, err := b.step(ctx, time.Now())
	for err == nil && !wake.IsZero() {
		if err = b.wait(ctx, wake); err == nil {
			wake, err = b.step(ctx, time.Now())
		}
	}
	for b.flying > 0 {
		b.take(<-b.reports)
		if e := b.settleReports(ctx); err == nil {
			err = e
		}
	}
	return err
}

// step sends what can be sent now and returns when to look again; the zero time ends the box.
func (b *box) step(ctx context.Context, now time.Time) (wake time.Time, err error) {
	if err := b.settleReports(ctx); err != nil {
		return time.Time{}, err
	}
	over := b.stop != "" || b.state != ledger.Running || !now.Before(b.ends) || isClosed(b.w.stopping)
	if over || b.flying == 0 && !b.hasWork() {
		return time.Time{}, nil
	}
	if pause, paused := b.w.pace.Paused(now); paused {
		return b.until(pause.Until), nil
	}
	if lead := b.w.pace.Ahead(now); lead > ahead {
		return b.until(now.Add(lead - ahead)), nil
	}
	block := b.w.pace.Block(maxBlock)
	if b.flying+block > maxFlying {
		return b.ends, nil // until there is room for a whole block: small claims cost as much as large ones
	}
	if batch := b.rows.takeDue(now, block); len(batch) > 0 {
		return now, b.send(ctx, batch)
	}
	if len(b.rows) > 0 {
		return b.until(b.rows.next()), nil
	}
	return b.ends, nil
}

// hasWork reports whether a row will be due before the box is over.
func (b *box) hasWork() bool { return len(b.rows) > 0 && b.rows.next().Before(b.ends) }

// until is the earlier of t and the end of the box.
func (b *box) until(t time.Time) time.Time {
	if t.Before(b.ends) {
		return t
	}
	return b.ends
}

// wait returns at wake, at the next report, or when the worker is told to stop.
func (b *box) wait(ctx context.Context, wake time.Time) error {
	timer := time.NewTimer(time.Until(wake))
	defer timer.Stop()
	select {
	case <-timer.C:
	case r := <-b.reports:
		b.take(r)
	case <-b.w.stopping:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// send claims a batch and sends what it got, each row at its own slot.
func (b *box) send(ctx context.Context, batch []waitingRow) error {
	wishes := make([]ledger.Wish, len(batch))
	for i, row := range batch {
		wishes[i] = ledger.Wish{Row: row.OpenRow, ID: uuid.New()}
	}
	claimedAt := time.Now()
	claims, state, err := b.w.ledger.Claim(ctx, b.run, wishes)
	if err != nil {
		return err
	}
	b.state = state
	for _, c := range claims {
		switch c.Fate {
		case ledger.Busy:
			b.rows.put(waitingRow{c.Row, claimedAt.Add(busyWait)})
		case ledger.Claimed:
			b.flying++
			go b.fly(ctx, c, claimedAt, b.w.pace.Slot(time.Now()))
		case ledger.Superseded, ledger.Settled:
		}
	}
	return nil
}

// fly waits for the slot, makes the one request of this attempt, has it recorded and reports.
func (b *box) fly(ctx context.Context, c ledger.Claim, claimedAt, slot time.Time) {
	if !b.mayLeave(ctx, claimedAt, slot) {
		b.reports <- report{claim: c, kind: unsent}
		return
	}
	x := b.w.client.Patch(ctx, c.Row.Target, c.Send, c.ID)
	if !x.Sent {
		b.reports <- report{claim: c, kind: tokenless}
		return
	}
	b.pace(x)
	v := judge(x, b.run.ID, c.Row.Row, c.Row.Past)
	recorded, ok := b.w.recorder.Record(eventOf(c, b.run.ID, x, v))
	switch {
	case !ok || recorded.Late || recorded.Refused != nil:
		b.reports <- report{claim: c, kind: lost}
	case recorded.Settled:
		b.reports <- report{claim: c, kind: settled}
	default:
		b.remember(c.Row, v, x)
		b.reports <- report{claim: c, kind: comesAgain, again: v.again, stop: v.stop}
	}
}

// mayLeave waits for the slot and says whether the request may still leave then: not when the worker stops, not into a
// pause, and not so late after its claim that the lease could end before the answer.
func (b *box) mayLeave(ctx context.Context, claimedAt, slot time.Time) bool {
	for {
		if slot.Sub(claimedAt) >= ledger.StartWithin {
			return false // a pause began meanwhile, and the slot lies behind it
		}
		if !b.await(ctx, slot) {
			return false
		}
		now := time.Now()
		if now.Sub(slot) > maxLate {
			slot = b.w.pace.Slot(now) // this one is lost
			continue
		}
		_, paused := b.w.pace.Paused(now)
		return !paused && now.Sub(claimedAt) < ledger.StartWithin
	}
}

// await waits for the slot; false: the worker stops.
func (b *box) await(ctx context.Context, slot time.Time) bool {
	wait := time.Until(slot)
	if wait <= 0 {
		return !isClosed(b.w.stopping) && ctx.Err() == nil // at high rates a timer for each row would show
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.w.stopping:
		return false
	case <-ctx.Done():
		return false
	}
}

// pace tells the tenant's pace what Graph said about the rate.
func (b *box) pace(x graph.Exchange) {
	switch x.Outcome() {
	case graph.Throttled:
		wait, asked := x.RetryAfter()
		if pause, news := b.w.pace.Throttled(x.SentAt.Add(x.Elapsed), x.SentAt, wait, asked); news {
			b.w.pauses.log(b.w.log, b.run.Tenant, x, pause)
		}
	case graph.Applied:
		b.w.pace.Succeeded(x.SentAt)
	}
}

// remember keeps for the next attempt what the row's events now say.
func (b *box) remember(row *ledger.OpenRow, v verdict, x graph.Exchange) {
	row.Past = ledger.Past{Charged: row.Past.Charged, Last: v.outcome, Headers: x.KeptHeaders()}
	if v.outcome == "transient" || v.outcome == "unknown" {
		row.Past.Charged++
	}
}

// take notes one report: rows that come again get their time, unsent ones are collected by settleReports.
func (b *box) take(r report) {
	b.flying--
	switch r.kind {
	case comesAgain:
		b.rows.put(waitingRow{r.claim.Row, time.Now().Add(r.again)})
	case tokenless:
		b.ends = time.Now()
		b.unsent = append(b.unsent, r)
	case unsent:
		b.unsent = append(b.unsent, r)
	case lost:
		b.lost = true
	case settled:
	}
	if r.stop != "" {
		b.stop = r.stop
	}
}

// settleReports takes what has been reported so far, and takes rows out of flight that never left.
func (b *box) settleReports(ctx context.Context) error {
	for {
		select {
		case r := <-b.reports:
			b.take(r)
			continue
		default:
		}
		break
	}
	if len(b.unsent) == 0 {
		return nil
	}
	claims := make([]ledger.Claim, len(b.unsent))
	for i, r := range b.unsent {
		claims[i] = r.claim
		b.rows.put(waitingRow{r.claim.Row, time.Now()})
	}
	b.unsent = nil
	// The slot is gone whatever becomes of the job, so the claim goes too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return b.w.ledger.Unclaim(ctx, claims)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
