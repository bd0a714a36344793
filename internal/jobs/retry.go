package jobs

import (
	"fmt"
	"hash/fnv"
	"time"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// DefaultAttempts is how many transient or unknown answers a row may get before it is given up, unless somebody says
// otherwise; maxContended the same for conflicts, which have been seen to pass on a second try or never.
const (
	DefaultAttempts = 8
	maxContended    = 3
)

// verdict is what comes next for a row after an exchange.
type verdict struct {
	outcome string        // recorded for the exchange
	settles string        // the outcome the row is settled with; "" if it comes again
	again   time.Duration // until it comes again
	spared  bool          // it costs the row no attempt, although it is transient or unknown
	stop    string        // why the whole run must stop; "" otherwise

	renew   bool // the token is to be renewed before anything is sent again
	confirm bool // a read decides: unchanged if the status is as it is wanted

	reads        []ledger.Event // what was read to come to it
	readBack     bool           // the status was read, and is as it is wanted
	canaryFailed bool           // stop is about the canary
}

// judge decides what an exchange means for its row. past is what happened to the row before, attempts how many it has.
func judge(x graph.Exchange, run int64, row int32, past ledger.Past, attempts int) verdict {
	attempt := past.Charged + 1
	asked, _ := x.RetryAfter()
	if reason, stops := x.StopsRun(); stops {
		return verdict{outcome: "refused", stop: fmt.Sprintf("row %d: %s", row, reason)}
	}
	switch o := x.Outcome(); o {
	case graph.Applied, graph.Rejected:
		return verdict{outcome: string(o), settles: string(o), confirm: x.NothingChanged()}
	case graph.Throttled:
		return verdict{outcome: string(o), again: asked}
	case graph.Unauthorized:
		return verdict{outcome: string(o), renew: true}
	case graph.Contended:
		if past.Contended+1 >= maxContended {
			return verdict{outcome: "transient", settles: "rejected"}
		}
		return verdict{outcome: "transient", again: max(asked, backoff(run, row, attempt))}
	default:
		if attempt >= attempts {
			return verdict{outcome: string(o), settles: "failed"}
		}
		return verdict{outcome: string(o), again: max(asked, backoff(run, row, attempt))}
	}
}

// backoffs are the waits after the first, second, … transient answer: together about an hour, because incidents of the
// service last longer than minutes. A row that has more attempts waits as long again as for the last.
var backoffs = [DefaultAttempts - 1]time.Duration{
	2 * time.Second, 7 * time.Second, 22 * time.Second, 75 * time.Second, 4 * time.Minute, 13 * time.Minute, 43 * time.Minute,
}

// backoff is the wait after a number of transient answers, spread by up to a fifth either way. The spread comes from
// the row and the attempt, so that the time is the same whoever works it out, and nothing need store it.
func backoff(run int64, row int32, attempt int) time.Duration {
	wait := backoffs[min(attempt, len(backoffs))-1]
	h := fnv.New32a()
	_, _ = h.Write([]byte{
		byte(run), byte(run >> 8), byte(run >> 16), byte(run >> 24),
		byte(row), byte(row >> 8), byte(row >> 16), byte(row >> 24), byte(attempt),
	})
	spread := float64(h.Sum32())/float64(1<<32)*0.4 - 0.2
	return wait + time.Duration(spread*float64(wait))
}

// due is how long an open row still has to wait, after what happened to it before; worked out from its events alone.
func due(run int64, row int32, past ledger.Past) time.Duration {
	wait, _ := graph.RetryAfterIn(past.Headers)
	if !past.Spared && (past.Last == "transient" || past.Last == "unknown" && past.Charged > 1) {
		// After the first unknown answer the row has waited for the lease already.
		wait = max(wait, backoff(run, row, past.Charged))
	}
	return max(0, wait-past.Age)
}
