package budget

import (
	"math"
	"math/rand/v2"
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

// Paused returns the pause in force at now, if there is one.
func (p *Pace) Paused(now time.Time) (pause Pause, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pause, now.Before(p.pause.Until)
}

// The backoff of a tenant that throttles without saying for how long: 1 s, doubled by each strike, up to 5 min.
const (
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
)

// Throttled takes note of a throttled answer to a request that left at sent. wait is what Graph asked for, if asked; no
// time at all is as good as none named, otherwise everybody would go on against a wall at the full rate. It returns the
// pause and whether this answer is news: the other answers of one burst, which left before the pause was over, are not.
// They can prolong the pause, when Graph asks for it, but never shorten it.
func (p *Pace) Throttled(now, sent time.Time, wait time.Duration, asked bool) (pause Pause, news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked = asked && wait > 0
	news = p.pause.isBefore(sent)
	if !asked {
		if !news {
			return p.pause, false
		}
		p.pause.Strikes++
		wait = backoff(p.pause.Strikes)
	}
	if until := now.Add(wait); until.After(p.pause.Until) {
		p.pause.Until, p.pause.Asked = until, asked
	}
	if news {
		p.pause.Since = now
	}
	return p.pause, news
}

// Succeeded takes note of a request that left at sent and got through: after the pause, it ends the count of strikes.
func (p *Pace) Succeeded(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pause.isBefore(sent) {
		p.pause.Strikes = 0
	}
}

// isBefore reports whether the pause was over when a request left at sent.
func (p Pause) isBefore(sent time.Time) bool { return !sent.Before(p.Until) }

// backoff adds up to a quarter of jitter, so that processes do not come back as one.
func backoff(strikes int) time.Duration { return backoffAt(strikes, rand.Float64()) }

// backoffAt is the backoff with a share of its jitter, from 0 to 1, in whole microseconds.
func backoffAt(strikes int, jitter float64) time.Duration {
	wait := min(maxBackoff.Seconds(), math.Pow(2, float64(min(strikes-1, 9)))*firstBackoff.Seconds())
	return time.Duration(wait*(1+jitter/4)*1e6) * time.Microsecond
}
