package jobs

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// flight is one claimed row on its way to Graph and back.
type flight struct {
	*box

	claim     ledger.Claim
	claimedAt time.Time
	slot      budget.Slot
	canary    bool // applied is not enough: it must read back as it was sent
}

// report is what became of one claimed row.
type report struct {
	claim    ledger.Claim
	kind     reportKind
	slot     budget.Slot   // unsent: that was not used
	outcome  string        // settled: with it
	problem  string        // in Graph's words
	again    time.Duration // comesAgain: after this time
	stop     string        // why the whole run must stop
	failed   bool          // it was the canary, and it failed
	readBack bool          // it was the canary, and it passed
	read     bool          // comesAgain: its status was read so that it may be sent, which ages while others are before it
}

type reportKind int

const (
	settled    reportKind = iota // has its final event
	comesAgain                   // has an event, and more to come
	unsent                       // its request never left; to be taken out of flight
	lost                         // recorded late, or not at all: opening the slice anew will tell
)

// fly waits for the slot, makes the one request of this attempt, finds out what it meant, has that recorded and reports.
func (f *flight) fly(ctx context.Context) {
	if !f.mayLeave(ctx) {
		f.reports <- report{claim: f.claim, kind: unsent, slot: f.slot}
		return
	}
	x := f.w.client.Patch(ctx, f.claim.Row.Target, f.claim.Send, f.claim.ID)
	if !x.Sent {
		f.reports <- report{claim: f.claim, kind: unsent, slot: f.slot}
		return
	}
	f.pace(ctx, f.w.budget.Writes, f.slot, x)
	v := f.weigh(ctx, x)
	r := report{claim: f.claim, problem: f.text(x.Problem()), stop: f.text(v.stop), failed: v.canaryFailed}
	switch r.kind = f.record(eventOf(f.claim, f.run.ID, x, v)); r.kind {
	case settled:
		r.outcome, r.readBack = v.settles, v.readBack
	case comesAgain:
		f.claim.Row.Past = f.claim.Row.Past.Then(ledger.Past{Last: v.outcome, Spared: v.spared, Headers: x.KeptHeaders()}, x.Status)
		r.again = v.again
	case unsent, lost:
	}
	if v.renew && r.stop == "" {
		r.stop = f.renew(ctx, x)
	}
	f.reports <- r
}

// record has an event recorded, and says what that made of the row.
func (f *flight) record(e ledger.Event) reportKind {
	recorded, ok := f.w.recorder.Record(f.w.bodies.of(e, f.claim.Row.Wanted))
	switch {
	case !ok || recorded.Late || recorded.Refused != nil:
		return lost
	case recorded.Settled:
		return settled
	}
	return comesAgain
}

// text is a text about the row that people read, as far as names may be kept.
func (f *flight) text(s string) string { return f.w.bodies.text(s, f.claim.Row.Wanted) }

// mayLeave waits for the slot and says whether the request may still leave then: not when the worker stops or the run
// stands still, not into a pause, and not so late after its claim that the lease could end before the answer.
func (f *flight) mayLeave(ctx context.Context) bool {
	if !f.awaitOr(ctx, f.slot.At, f.halted) {
		return false
	}
	now := time.Now()
	return f.w.budget.Writes.Due(f.slot, now) && passed(f.claimedAt, now) < ledger.StartWithin
}

// passed is the time between two instants by the clock that says more: the monotonic one stands still while the machine
// sleeps, and the claim does not; the other one may be set back.
func passed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// await waits for an instant; false: the worker stops.
func (b *box) await(ctx context.Context, instant time.Time) bool { return b.awaitOr(ctx, instant, nil) }

// awaitOr is await, and false as well once a channel is closed.
func (b *box) awaitOr(ctx context.Context, instant time.Time, halted <-chan struct{}) bool {
	wait := time.Until(instant)
	if wait <= 0 {
		return !isClosed(b.w.stopping) && !isClosed(halted) && ctx.Err() == nil // at high rates a timer for each row would show
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-halted:
		return false
	case <-b.w.stopping:
		return false
	case <-ctx.Done():
		return false
	}
}

// pace tells the budget what an answer to the request of a slot said about the rate.
func (b *box) pace(ctx context.Context, lane *budget.Lane, slot budget.Slot, x graph.Exchange) {
	switch x.Outcome() {
	case graph.Throttled:
		wait, _ := x.RetryAfter()
		pause, news, err := lane.Throttled(ctx, x.SentAt.Add(x.Elapsed), slot, budget.Throttle{
			Wait: wait, Tenant: x.ThrottlesTenant(), TooMany: x.Status == http.StatusTooManyRequests, Reason: fmt.Sprintf("Graph answered %d", x.Status),
		})
		b.paused(ctx, x, pause, news, err)
	case graph.Applied, graph.Rejected, graph.Contended, graph.Unauthorized:
		b.w.budget.GotThrough(slot)
	case graph.Transient, graph.Unknown:
	}
	if used, ok := x.Usage(); ok {
		if err := lane.Used(ctx, used); err != nil {
			b.w.trouble(ctx, "Graph's hint about the limit could not be shared", err)
		}
	}
}

// paused says what an answer has led to. What other processes could not be told yet, they will be.
func (b *box) paused(ctx context.Context, x graph.Exchange, pause budget.Pause, news bool, err error) {
	if err != nil {
		b.w.trouble(ctx, "a pause could not be shared yet", err)
	}
	if news {
		b.w.pauses.log(b.w.log, b.run.Tenant, x, pause)
	}
}

// afterSending bounds what is done about an answer before it is recorded, from when its request left: the claim is a
// lease of 90 s, and the job of a box has 55 s.
const afterSending = graph.MaxTimeout + 5*time.Second

// renew has the token renewed that Graph refused, once for everybody who waits. It returns why the run must stop, "" if
// it can go on or if the box will wait for a token.
func (b *box) renew(ctx context.Context, x graph.Exchange) (stop string) {
	ctx, cancel := context.WithDeadline(ctx, x.SentAt.Add(afterSending))
	defer cancel()
	return whyStop(b.w.client.Renew(ctx, x))
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
