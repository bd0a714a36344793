package jobs

import (
	"context"

	"graphpatch/internal/ledger"
)

// resolve reads a row's status before anything is sent, because what became of an earlier attempt is unknown: the worker
// died before the answer, say; or because the row is sent only if its status shows what it expects. If it is as it is wanted,
// that settles the row. Otherwise the row comes again, is in doubt no more, and is sent; one in doubt also when the read
// failed. The read is the attempt of this claim, so that one which dies with its worker is named as well.
func (f *flight) resolve(ctx context.Context) {
	limited, cancel := context.WithDeadline(ctx, f.claimedAt.Add(ledger.StartWithin))
	defer cancel()
	r := f.get(limited, f.claim.ID)
	if !r.Sent {
		f.reports <- report{claim: f.claim, kind: unsent}
		return
	}
	e := readingOf(f.claim, f.run.ID, f.claim.ID, r.Exchange)
	answer := report{claim: f.claim, readBack: r.known && f.claim.Send.Differs(r.present) == 0}
	switch {
	case answer.readBack:
		e.Settles = "unchanged"
	case f.claim.Row.Expects != "":
		answer.again, answer.stop = f.expected(ctx, &e, r)
	}
	answer.kind, answer.outcome, answer.problem = f.record(e), e.Settles, r.Problem()
	f.reports <- answer
}
