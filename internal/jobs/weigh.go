package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// weigh decides what an exchange means for its row. Where the answer alone does not say, the status is read: did a canary
// stick, is a status that Graph will not change as it is wanted, does anything get through at all?
func (f *flight) weigh(ctx context.Context, x graph.Exchange) verdict {
	v := judge(x, f.run.ID, f.claim.Row.Row, f.claim.Row.Past, f.w.attempts)
	ctx, cancel := context.WithDeadline(ctx, x.SentAt.Add(afterSending))
	defer cancel()
	switch {
	case f.canary && v.settles == string(graph.Applied):
		return f.readBack(ctx, v)
	case v.confirm:
		return f.confirm(ctx, v)
	case v.outcome == string(graph.Transient) && x.Outcome() == graph.Transient && f.w.budget.Faltered(f.claim.Row.Key):
		return f.probe(ctx, x, v)
	}
	return v
}

// reading is one read of the row's status.
type reading struct {
	graph.Exchange
	slot    budget.Slot
	present userstatus.Observed
	known   bool // present is what Graph shows
}

// found says whether Graph answered the question, with a status or by saying that there is none.
func (r reading) found() bool { return r.known || r.Outcome() == graph.Rejected }

// read reads the row's status once, on the read budget. It is an attempt of its own, which v keeps for the record.
func (f *flight) read(ctx context.Context, v *verdict) reading {
	slot, ok := f.readSlot(ctx, nil)
	if !ok {
		return reading{}
	}
	id := uuid.New()
	r := f.show(ctx, f.claim.Row.Target, slot, id)
	if r.Sent {
		v.reads = append(v.reads, readingOf(f.claim, f.run.ID, id, r.Exchange))
	}
	return r
}

// show reads a status in a slot; it is the zero reading if no request was made.
func (b *box) show(ctx context.Context, target userstatus.Target, slot budget.Slot, id uuid.UUID) reading {
	x, present, err := b.w.client.Get(ctx, target, id)
	if !x.Sent {
		return reading{}
	}
	b.pace(ctx, b.w.budget.Reads, slot, x)
	return reading{Exchange: x, slot: slot, present: present, known: err == nil && x.Outcome() == graph.Applied}
}

// readSlot waits for the slot of one read; ok is false when there is none in time, the worker stops, or halted is closed.
func (b *box) readSlot(ctx context.Context, halted <-chan struct{}) (slot budget.Slot, ok bool) {
	lane := b.w.budget.Reads
	deadline, _ := ctx.Deadline()
	for {
		now := time.Now()
		slots, wake, err := lane.Take(ctx, now, 1)
		if err != nil {
			b.w.trouble(ctx, "no slots from the budget", err)
		}
		wake = later(wake, now.Add(time.Millisecond))
		if len(slots) > 0 {
			wake = slots[0].At
		}
		if wake.After(deadline) || !b.awaitOr(ctx, wake, halted) {
			lane.GiveBack(slots)
			return slot, false
		}
		if len(slots) > 0 && lane.Due(slots[0], time.Now()) {
			return slots[0], true
		}
	}
}

// looks are when a canary is read back, counted from its answer: what is written may take a moment to be seen.
var looks = [...]time.Duration{0, 2 * time.Second, 4 * time.Second}

// readBack makes sure that the value of a canary stuck.
func (f *flight) readBack(ctx context.Context, v verdict) verdict {
	answered := time.Now()
	var last reading
	var differ userstatus.Properties
	for _, after := range looks {
		if !f.await(ctx, answered.Add(after)) {
			return v.unread() // the worker stops; it says nothing about the value
		}
		last = f.read(ctx, &v)
		if !last.known {
			continue
		}
		if differ = f.claim.Send.Differs(last.present); differ == 0 {
			v.readBack = true
			return v
		}
	}
	v = v.unread()
	attempt := f.claim.Row.Past.Charged + 1
	switch {
	case last.known:
		v.canaryFailed = true
		v.stop = fmt.Sprintf("row %d was sent first, and Graph answered that it was applied; but read back, it is not what was sent: %s. Nothing else was sent",
			f.claim.Row.Row, f.claim.Send.Describe(differ, last.present))
	case last.found() || attempt >= f.w.attempts:
		v.canaryFailed = true
		v.stop = fmt.Sprintf("row %d was sent first, and Graph answered that it was applied; but it cannot be read back: %s. Nothing else was sent",
			f.claim.Row.Row, last.Problem())
	default:
		v.spared, v.again = false, backoff(f.run.ID, f.claim.Row.Row, attempt)
	}
	return v
}

// unread is what comes of an applied canary that was not read back: whether the value stuck is not known, and its row
// stays open.
func (v verdict) unread() verdict {
	v.outcome, v.settles, v.spared = string(graph.Unknown), "", true
	return v
}

// confirm settles a row that Graph will not change because nothing would change, if it is as it is wanted.
func (f *flight) confirm(ctx context.Context, v verdict) verdict {
	r := f.read(ctx, &v)
	switch {
	case r.known && f.claim.Send.Differs(r.present) == 0:
		v.settles, v.readBack = "unchanged", true
		return v
	case r.found():
		return v // rejected: it is not as it is wanted, and Graph will not make it so
	}
	attempt := f.claim.Row.Past.Charged + 1
	v.outcome, v.settles = string(graph.Transient), ""
	v.again = backoff(f.run.ID, f.claim.Row.Row, attempt)
	switch {
	case !r.Sent || r.Outcome() == graph.Throttled || r.Outcome() == graph.Unauthorized:
		v.spared = true
	case attempt >= f.w.attempts:
		v.settles = "failed"
	}
	return v
}

// probe finds out whether nothing gets through for the tenant, when several rows in a row met a passing fault. If so this
// one is spared, and everybody waits: an incident of the service can last for days.
func (f *flight) probe(ctx context.Context, x graph.Exchange, v verdict) verdict {
	r := f.read(ctx, &v)
	if !r.Sent || r.Outcome() != graph.Transient {
		return v
	}
	v.spared, v.settles, v.again = true, "", 0
	pause, news, err := f.w.budget.Writes.Down(ctx, time.Now(), f.slot)
	f.paused(ctx, x, pause, news, err)
	return v
}

// whyStop is why a run must stop after its token could not be renewed; "" when it was, or may yet be.
func whyStop(err error) string {
	if refused, ok := errors.AsType[*graph.RefusedError](err); ok {
		return refused.Error()
	}
	return ""
}

// readingOf is the audit's event of a read.
func readingOf(c ledger.Claim, run int64, id uuid.UUID, x graph.Exchange) ledger.Event {
	outcome := x.Outcome()
	switch outcome {
	case graph.Applied, graph.Rejected:
		outcome = "observed"
	case graph.Contended:
		outcome = graph.Transient
	}
	e := eventOf(c, run, x, verdict{outcome: string(outcome), spared: true})
	e.ID = id
	return e
}
