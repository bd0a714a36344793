package jobs

import (
	"time"

	"graphpatch/internal/ledger"
)

// Before is how many rows of another run of the tenant are sent before the last one of a run, when one is sent each
// interval: all of a run with a higher priority. Of one priority all slices take turns, so that each sends as many rows as
// each slice of the run has to send, and at least those of one box, because that is a turn.
func Before(run, other ledger.Waiting, interval time.Duration) int {
	if other.Priority < run.Priority {
		return other.Open
	}
	turn := max((run.Open+slicesOf(run)-1)/slicesOf(run), int(boxTime/max(1, interval))/AtOnce)
	if each := slicesOf(other); turn <= other.Open/each {
		return turn * each
	}
	return other.Open
}

// slicesOf is how many jobs a run has, or had.
func slicesOf(run ledger.Waiting) int { return max(1, (run.Rows+ledger.SliceRows-1)/ledger.SliceRows) }
