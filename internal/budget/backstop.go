package budget

import (
	"time"

	"golang.org/x/time/rate"
)

// maxLate is how late a slot may be used; jitter is how much closer together than they were given slots may lie on this
// process's clock, because its notion of the database's clock improves. The limit has slack for both.
const (
	maxLate      = 100 * time.Millisecond
	maxJitter    = 25 * time.Millisecond
	tokensPerOne = 100_000_000
)

// backstop is what no clock and no database can move: the full limit, kept by each process for itself. It judges slots
// by the instants they were given for, as they are given, and Lane.Due keeps requests to those. A well-behaved slot always
// passes: a bucket in front of the wire could not tell one that is late from one that is too many, unless it were so
// large that a window could hold more than the limit.
//
// In any window as long as the limit's, with its ends, there are at most as many requests as slots in one longer by
// maxLate, which are at most 1 + (window + maxLate + 2·maxJitter) ÷ interval, rounded down: not more than the limit,
// because the interval has 200 ms of slack.
type backstop struct {
	limiter *rate.Limiter
	last    time.Time
}

func newBackstop(limit Limit) *backstop {
	interval := limit.Interval()
	// Small parts of a request, because the limiter's burst is a whole number of tokens.
	burst := tokensPerOne + int(maxJitter*tokensPerOne/interval)
	return &backstop{limiter: rate.NewLimiter(tokensPerOne*rate.Every(interval), burst)}
}

// passes reports whether a slot may be used, in the order in which they were given.
func (b *backstop) passes(at time.Time) bool {
	if at.Before(b.last.Add(-maxJitter)) {
		return false
	}
	// Asked about an earlier instant than before, the limiter would give tokens away.
	if at.Before(b.last) {
		at = b.last
	}
	if !b.limiter.AllowN(at, tokensPerOne) {
		return false
	}
	b.last = at
	return true
}
