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
	at     time.Time     // when it came, on that clock and not too early; zero: not known
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

// How a rate that proved too high is lowered, because others share the tenant, and how it climbs back. The curve is that of
// CUBIC (RFC 9438): quickly back to near where it fell from, a while there, because that was too much when last tried, then
// beyond, faster and faster. So one app that shares the tenant costs a few 429s an hour, and one that has gone, minutes.
const (
	lowered   = 0.9
	heldFor   = 20 * time.Second // Graph's window: only then has what was sent before left it
	backAfter = 60.0             // seconds
)

// factorAt is the factor in force, when it was set to factor at since. Nobody has to write it for it to climb.
func factorAt(factor float64, since, at time.Time) float64 {
	t := seconds(at.Sub(since) - heldFor)
	switch {
	case factor >= 1:
		return 1
	case t < 0:
		return factor
	}
	x := t/backAfter - 1
	return min(1, factor/lowered*(1+(1-lowered)*x*x*x))
}

// hintsFrom is from what part of a limit on Microsoft documents hints.
const hintsFrom = 0.8

// seconds is a time as the database reckons it, which has whole microseconds.
func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }

// stepAt is the emission interval at a factor, in whole microseconds because the database's time is.
func stepAt(every time.Duration, factor float64) time.Duration {
	return time.Duration(math.Ceil(float64(every.Microseconds())/factor)) * time.Microsecond
}

// wholeMicroseconds rounds an interval up to what the database can keep.
func wholeMicroseconds(d time.Duration) time.Duration {
	return (d + time.Microsecond - 1).Truncate(time.Microsecond)
}
