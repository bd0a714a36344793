package jobs

import (
	"context"
	"fmt"

	"graphpatch/internal/ledger"
)

// mostRejected is how many rows may be rejected at the start of a run, with none applied, before it is held: a file for
// the wrong tenant would spend all its rows.
const mostRejected = 20

// canary is how far a run has come with its first rows. The zero canary has been passed or waived.
type canary struct {
	pending  bool // rows are sent one at a time
	passed   bool // one was applied and read back; to be noted
	failed   bool
	rejected int
	stop     string // why the run must stop
}

// recall takes over how many rows were rejected before this box.
func (c *canary) recall(ctx context.Context, books *ledger.Ledger, run int64) error {
	p, err := books.Progress(ctx, run)
	c.rejected = p.Rejected
	return err
}

// take notes what became of one row.
func (c *canary) take(r report) {
	if !c.pending {
		return
	}
	switch {
	case r.failed:
		c.failed = true
	case r.readBack:
		c.passed = true
	case r.kind == settled && r.outcome == "rejected":
		c.rejected++
	}
	if c.rejected >= mostRejected {
		c.failed = true
		c.stop = fmt.Sprintf("the first %d rows were all rejected, the last of them, row %d, with: %s", c.rejected, r.claim.Row.Row, r.problem)
	}
}
