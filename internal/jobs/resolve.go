package jobs

import (
	"context"

	"graphpatch/internal/ledger"
)

// resolve reads a row's status before anything is sent, because what became of an earlier attempt is unknown: the worker
// died before the answer, say. If it is as it is wanted, that settles the row. Otherwise, also when the read failed, the row
// comes again, is in doubt no more, and is sent. The read is the attempt of this claim, so that one which dies with its
// worker is named as well.
func (f *flight) resolve(ctx context.Context) {
	limited, cancel := context.WithDeadline(ctx, f.claimedAt.Add(ledger.StartWithin))
	defer cancel()
	r := f.get(limited, f.claim.ID)
	if !r.Sent {
		f.reports <- report{claim: f.claim, kind: unsent}
		return
	}
	e := readingOf(f.claim, f.run.ID, f.claim.ID, r.Exchange)
	asWanted := r.known && f.claim.Send.Differs(r.present) == 0
	if asWanted {
		e.Settles = "unchanged"
	}
	f.reports <- report{claim: f.claim, kind: f.record(e), outcome: e.Settles, problem: f.text(r.Problem()), readBack: asWanted}
}
