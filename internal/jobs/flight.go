package jobs

import (
	"context"
	"time"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

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

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
