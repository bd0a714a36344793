package budget

import (
	"math"
	"time"
)

// halt is a pause as the database keeps it, on the database's clock, and as it tells it to all processes.
type halt struct {
	Revision int64     `json:"revision"` // counts its changes
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Asked    bool      `json:"asked"`
	Down     bool      `json:"down"`
	Strikes  int       `json:"strikes"`
	Reason   string    `json:"reason"`
}

// blow is what one answer says of the tenant.
type blow struct {
	slot   time.Time     // of its request, on the database's clock
	wait   time.Duration // what Graph asked for; 0 when it named no time
	tenant bool          // it is meant for all apps of the tenant
	down   bool          // nothing gets through
	// tooMany says that the rate was too high: it falls.
	tooMany bool
	reason  string
}

// struck is what a halt becomes by an answer that comes at an instant. The answer is news when its slot lies after the
// last pause: the other answers of one burst are not. They can prolong the pause, when Graph asks for it, but never
// shorten it.
func (h halt) struck(b blow, at time.Time, jitter float64) (after halt, news bool) {
	news = !b.slot.Before(h.Until)
	var until time.Time
	switch {
	case b.wait > 0:
		until = at.Add(b.wait)
	case news:
		h.Strikes++
		until = at.Add(backoffAt(h.Strikes, jitter))
	}
	if until.After(h.Until) {
		h.Until, h.Asked, h.Reason = until, b.wait > 0, b.reason
	}
	if news {
		h.Since = at
	}
	h.Down = h.Down || b.down
	return h, news
}

// through is what a halt becomes when a request of that slot got through: something does, and after the pause that ends
// the count of strikes.
func (h halt) through(slot time.Time) halt {
	h.Down = false
	if !slot.Before(h.Until) {
		h.Strikes = 0
	}
	return h
}

// How a rate that proved too high is lowered, because others share the tenant, and how it climbs back.
const (
	lowered     = 0.8
	leastFactor = 0.05
	heldFor     = 30 * time.Second
	climbEvery  = 5 * time.Second
	climbBy     = 0.02
)

// factorAt is the factor in force, when it was set to factor at since. Nobody has to write it for it to climb.
func factorAt(factor float64, since, at time.Time) float64 {
	if factor >= 1 {
		return 1
	}
	steps := math.Floor((at.Sub(since) - heldFor).Seconds() / climbEvery.Seconds())
	return min(1, factor+climbBy*max(0, steps))
}

// lowerFactor is the factor after Graph showed that the rate is too high.
func lowerFactor(factor float64, since, at time.Time) float64 {
	return max(leastFactor, lowered*factorAt(factor, since, at))
}

// stepAt is the emission interval at a factor, in whole microseconds because the database's time is.
func stepAt(every time.Duration, factor float64) time.Duration {
	return time.Duration(math.Ceil(float64(every.Microseconds())/factor)) * time.Microsecond
}

// wholeMicroseconds rounds an interval up to what the database can keep.
func wholeMicroseconds(d time.Duration) time.Duration {
	return (d + time.Microsecond - 1).Truncate(time.Microsecond)
}
