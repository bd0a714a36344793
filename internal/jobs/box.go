package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/ledger"
)

// box is the work on one slice for up to 20 s: rows that are due are claimed in blocks of what the next second can
// send, each is sent at its slot, and what comes again is put back. One goroutine owns it; the requests report to it.
type box struct {
	w       *sliceWorker
	run     ledger.Run
	rows    waiting
	ends    time.Time
	slots   []budget.Slot // taken, and no row is claimed for them yet
	state   ledger.State  // of the run, as the last claim saw it
	stop    string        // why the run must stop
	canary  canary
	cut     bool          // the slice has more rows, behind the canary's
	halted  chan struct{} // closed: the run stands still, and what has not left yet does not leave
	halt    func()        // closes it, once
	yields  atomic.Bool   // a run of a higher priority is at work, so that no more slots are taken
	waiting string        // what the run is said to wait for
	flying  int           // claimed and not yet reported
	lost    bool          // of some row it is not known what was recorded
	unsent  []report      // claimed, and never left; still in flight
	reports chan report
}

const (
	// maxFlying bounds the rows that one slice has in flight; maxBlock those that one claim takes: a crash names no
	// more than these as unknown.
	maxFlying = 500
	maxBlock  = 100
	// ahead is how long before its slot a row is claimed at most: others may want it, and a crash names it as unknown.
	ahead = time.Second
	// busyWait is when a row comes again whose target is in flight elsewhere.
	busyWait = time.Second
	// behindWait is when to look again whether answers are recorded.
	behindWait = 100 * time.Millisecond
)

func newBox(w *sliceWorker, run ledger.Run, open []ledger.OpenRow, now time.Time) *box {
	b := &box{
		w: w, run: run, state: run.State, ends: now.Add(boxTime), waiting: run.Reason, reports: make(chan report, maxFlying),
		canary: canary{pending: run.Canary == ledger.CanaryPending}, halted: make(chan struct{}),
	}
	b.halt = sync.OnceFunc(func() { close(b.halted) })
	for i := range open {
		b.rows.put(waitingRow{&open[i], now.Add(max(due(run.ID, open[i].Row, open[i].Past), dueUnread(run.ID, &open[i])))})
	}
	return b
}

// work goes on until the box is over, nothing is left, or the run stands still; then it waits for what is in flight.
func (b *box) work(ctx context.Context) error {
	b.w.runs.add(b)
	defer b.w.runs.remove(b)
	wake, err := b.step(ctx, time.Now())
	for err == nil && !wake.IsZero() {
		if err = b.wait(ctx, wake); err == nil {
			wake, err = b.step(ctx, time.Now())
		}
	}
	if b.stands() {
		b.halt()
	}
	if b.stop != "" {
		// At once, although answers are still awaited: others work on the same run.
		err = errors.Join(err, b.hold(ctx))
	}
	b.w.budget.Writes.GiveBack(b.slots)
	for b.flying > 0 {
		b.take(<-b.reports)
		err = errors.Join(err, b.settleReports(ctx))
	}
	return errors.Join(err, b.pass(ctx))
}

// stands reports whether the run stands still, as far as this box knows.
func (b *box) stands() bool {
	return b.stop != "" || b.state != b.run.State || isClosed(b.halted)
}

// pass notes that the canary has passed, and lets the other slices begin.
func (b *box) pass(ctx context.Context) error {
	if !b.canary.passed {
		return nil
	}
	b.canary = canary{}
	return b.w.enqueuer.pass(ctx, b.run.ID)
}

// hold stops the run for a person to look at, because going on would waste its rows on a fault that is not theirs.
func (b *box) hold(ctx context.Context) error {
	hold := b.w.ledger.Hold
	if b.canary.failed {
		hold = b.w.ledger.HoldForCanary
	}
	err := hold(ctx, b.run.ID, b.w.worker, b.stop)
	if _, other := errors.AsType[*ledger.StateError](err); other {
		return nil // somebody else has held it meanwhile
	}
	if err == nil {
		b.w.log.Error("run held: "+b.stop, "run", b.run.ID)
	}
	return err
}

// step sends what can be sent now and returns when to look again; the zero time ends the box.
func (b *box) step(ctx context.Context, now time.Time) (wake time.Time, err error) {
	if err := errors.Join(b.settleReports(ctx), b.pass(ctx)); err != nil {
		return time.Time{}, err
	}
	over := b.stands() || !now.Before(b.ends) || isClosed(b.w.stopping)
	if over || b.flying == 0 && !b.hasWork() {
		return time.Time{}, nil
	}
	if wake, err = b.closed(ctx, now); err != nil || !wake.IsZero() {
		return wake, err
	}
	if b.w.recorder.Behind(now) {
		return b.until(now.Add(behindWait)), nil // what is not recorded would be all there is to know of what was sent
	}
	block := min(maxBlock, b.rows.due(now))
	alone := b.canary.pending || b.w.budget.Probing()
	switch {
	case block == 0 && len(b.rows) > 0:
		return b.until(b.rows.next()), nil
	case block == 0, alone && b.flying > 0:
		return b.ends, nil
	case alone:
		block = 1
	case b.flying+block > maxFlying:
		return b.ends, nil // until there is room for a whole block: small claims cost as much as large ones
	}
	if wake = b.takeSlots(ctx, now, block); !wake.IsZero() {
		return b.until(wake), nil
	}
	return now, errors.Join(b.send(ctx, b.rows.takeDue(now, len(b.slots))), b.says(ctx, ""))
}

// takeSlots has up to so many slots taken of which the first comes soon; otherwise it returns when to look again.
func (b *box) takeSlots(ctx context.Context, now time.Time, most int) (wake time.Time) {
	if b.yields.Load() {
		b.w.budget.Writes.GiveBack(b.slots)
		b.slots = nil
		return now.Add(watchEvery)
	}
	b.slots = slices.DeleteFunc(b.slots, func(s budget.Slot) bool { return s.At.Before(now) })
	if len(b.slots) == 0 {
		var err error
		if b.slots, wake, err = b.w.budget.Writes.Take(ctx, now, most); err != nil {
			b.w.trouble(ctx, "no slots from the budget", err)
		}
	}
	switch {
	case len(b.slots) == 0:
		return later(wake, now.Add(time.Millisecond))
	case b.slots[0].At.Sub(now) > ahead:
		return b.slots[0].At.Add(-ahead)
	}
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
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

// wait returns at wake, at the next report, or when the run or the worker is told to stop.
func (b *box) wait(ctx context.Context, wake time.Time) error {
	timer := time.NewTimer(time.Until(wake))
	defer timer.Stop()
	select {
	case <-timer.C:
	case r := <-b.reports:
		b.take(r)
	case <-b.halted:
	case <-b.w.stopping:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// send claims a batch, at most one row for each slot that was taken, and sends what it got, each row at its own slot.
func (b *box) send(ctx context.Context, batch []waitingRow) error {
	wishes := make([]ledger.Wish, len(batch))
	for i, row := range batch {
		wishes[i] = ledger.Wish{Row: row.OpenRow, ID: uuid.New()}
	}
	claimedAt := time.Now()
	// Later than that nothing of it could be sent.
	limited, cancel := context.WithTimeout(ctx, ledger.StartWithin)
	defer cancel()
	claims, state, err := b.w.ledger.Claim(limited, b.run, wishes)
	if err != nil {
		// It may be in flight all the same: the answer to a COMMIT gets lost, too.
		for _, w := range wishes {
			b.unsent = append(b.unsent, report{claim: ledger.Claim{Wish: w}, kind: unsent})
		}
		return err
	}
	b.state = state
	b.w.budget.Writes.Needs(time.Since(claimedAt))
	for _, c := range claims {
		switch c.Fate {
		case ledger.Busy:
			b.rows.put(waitingRow{c.Row, claimedAt.Add(busyWait)})
		case ledger.Claimed:
			b.flying++
			f := flight{box: b, claim: c, claimedAt: claimedAt, canary: b.canary.pending}
			if c.Doubt || b.stale(c.Row, claimedAt) || unseen(c.Row, claimedAt) {
				go f.resolve(ctx)
				continue
			}
			f.slot, b.slots = b.slots[0], b.slots[1:]
			go f.fly(ctx)
		case ledger.Superseded, ledger.Settled:
		}
	}
	b.w.budget.Writes.GiveBack(b.slots)
	b.slots = nil
	return nil
}

// take notes one report: rows that come again get their time, unsent ones are collected by settleReports.
func (b *box) take(r report) {
	b.flying--
	switch r.kind {
	case comesAgain:
		if r.read && r.again == 0 {
			b.rows.putBack([]*ledger.OpenRow{r.claim.Row}, time.Now())
			break
		}
		b.rows.put(waitingRow{r.claim.Row, time.Now().Add(r.again)})
	case unsent:
		b.unsent = append(b.unsent, r)
	case lost:
		b.lost = true
	case settled:
	}
	b.canary.take(r)
	if b.stop == "" {
		b.stop = cmp.Or(r.stop, b.canary.stop)
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
	slots := make([]budget.Slot, len(b.unsent))
	rows := make([]*ledger.OpenRow, len(b.unsent))
	for i, r := range b.unsent {
		claims[i], slots[i], rows[i] = r.claim, r.slot, r.claim.Row
	}
	// The slot is gone whatever becomes of the job, so the claim goes too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := b.w.ledger.Unclaim(ctx, claims); err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b *ledger.OpenRow) int { return cmp.Compare(a.Row, b.Row) })
	b.rows.putBack(rows, time.Now())
	b.unsent = nil
	b.w.budget.Writes.GiveBack(slots) // of a run that was held; another may use them
	return nil
}
