package jobs

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// resolve reads a row's status before anything is sent, because what became of an earlier attempt is unknown: the worker
// died before the answer, say; because the run wants that of a row whose status was read too long ago; or because the row is
// sent only if its status shows what it expects. If it is as it is wanted, that settles the row. Otherwise the row comes
// again, is in doubt no more, and is sent; one in doubt also when the read failed. The read is the attempt of this claim, so
// that one which dies with its worker is named as well.
func (f *flight) resolve(ctx context.Context) {
	limited, cancel := context.WithDeadline(ctx, f.claimedAt.Add(ledger.StartWithin))
	defer cancel()
	slot, ok := f.readSlot(limited, nil)
	if !ok {
		f.reports <- report{claim: f.claim, kind: unsent}
		return
	}
	// The request has as long as any other.
	r := f.show(ctx, f.claim.Row.Target, slot, f.claim.ID)
	if !r.Sent {
		f.reports <- report{claim: f.claim, kind: unsent}
		return
	}
	e := readingOf(f.claim, f.run.ID, f.claim.ID, r.Exchange)
	answer := report{claim: f.claim, read: true, readBack: r.known && f.claim.Send.Differs(r.present) == 0}
	switch {
	case answer.readBack:
		e.Settles = "unchanged"
	case f.claim.Row.Expects != "":
		answer.again, answer.stop = f.expected(ctx, &e, r)
	case f.rechecks():
		answer.again = f.recheck(&e, r)
	}
	answer.kind, answer.outcome, answer.problem = f.record(e), e.Settles, f.text(r.Problem())
	f.reports <- answer
}

// recheckAfter is for how long what was read of a status is taken for what is there. What a person has approved is what was
// seen, so there it is only as long as it takes to send it.
const recheckAfter = 5 * time.Minute

// rechecks reports whether the run wants statuses to be read again.
func (b *box) rechecks() bool { return b.run.Options.Recheck || b.run.Options.Approval }

// stale reports whether the row's status is to be read again before the row is sent.
func (b *box) stale(row *ledger.OpenRow, now time.Time) bool {
	after := recheckAfter
	if b.run.Options.Approval {
		after = seenFor
	}
	return b.rechecks() && now.Sub(row.Seen.At) > after
}

// recheck compares what is there with what was there when the row was last looked at: a change that somebody else has made
// since is not overwritten. It returns when the row comes again, if it does.
func (f *flight) recheck(e *ledger.Event, r reading) (again time.Duration) {
	seen := f.claim.Row.Seen
	if !r.found() {
		seen.Failed++
		f.claim.Row.Seen = seen
		if seen.Failed >= f.w.attempts {
			e.Settles = "failed" // what cannot be read is not overwritten either
		}
		return backoff(f.run.ID, f.claim.Row.Row, seen.Failed)
	}
	// What was seen before is known as far as it was kept, so what is there now is compared as it is kept.
	kept := f.w.bodies.body(r.Body, f.claim.Row.Wanted)
	f.claim.Row.Seen = ledger.Seen{At: time.Now(), Status: r.Status, Body: kept}
	if seen.At.IsZero() || seen.Status == http.StatusOK && len(seen.Body) == 0 {
		return 0 // nobody had looked, or nothing was kept of what was seen
	}
	var before, present userstatus.Observed
	known := r.known && json.Unmarshal(kept, &present) == nil
	switch was := seen.Status == http.StatusOK && json.Unmarshal(seen.Body, &before) == nil; {
	case was != known && known:
		e.Settles, e.Error = "moved", "somebody else has changed it since it was read: it was not there"
	case was != known:
		// It is gone. Graph says so when it is sent.
	case known:
		e.Settles, e.Error = f.moved(before, present)
	}
	return 0
}

// moved names what differs among the properties that are to be sent.
func (f *flight) moved(before, present userstatus.Observed) (settles, why string) {
	since := present.Since(before, f.claim.Send.Asks())
	if since == 0 {
		return "", ""
	}
	return "moved", "somebody else has changed it since it was read: " + since.String() + "; " +
		f.claim.Send.Describe(f.claim.Send.Differs(present), present)
}
