package budget

import (
	"math"
	"time"
)

// Pause says that nobody on the tenant sends before Until, because Graph said so.
type Pause struct {
	Since   time.Time // when the last throttled answer came that was news
	Until   time.Time
	Asked   bool // Graph named the time; otherwise it comes from the backoff
	Down    bool // nothing got through, which is as good as being asked to wait
	Strikes int  // answers in a row that asked for a pause without naming a time
	Reason  string
}

// The backoff of a tenant that throttles without saying for how long: 1 s, doubled by each strike, up to 5 min.
const (
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
)

// backoffAt is the backoff with a share of its jitter, from 0 to 1, in whole microseconds.
func backoffAt(strikes int, jitter float64) time.Duration {
	wait := min(maxBackoff.Seconds(), math.Pow(2, float64(min(strikes-1, 9)))*firstBackoff.Seconds())
	return time.Duration(wait*(1+jitter/4)*1e6) * time.Microsecond
}
