package budget

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Pause says that nobody on the tenant sends before Until, because Graph said so.
type Pause struct {
	Since   time.Time // when the last throttled answer came that was news
	Until   time.Time
	Asked   bool // Graph named the time; otherwise it comes from the backoff
	Down    bool // nothing got through, which is as good as being asked to wait
	Strikes int  // answers in a row that asked for a pause without naming a time
}

// gate is what all requests to one tenant share: the pause, and whether anything gets through.
type gate struct {
	mu    sync.Mutex
	pause Pause
	// faltered are the targets that met a passing fault since something last got through, a few of them at most.
	faltered map[[16]byte]bool
}

// last returns the pause that began last, in force or over.
func (g *gate) last() Pause {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause
}

// Paused returns the pause in force at now, if there is one.
func (g *gate) Paused(now time.Time) (pause Pause, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause, now.Before(g.pause.Until)
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
func (g *gate) Throttled(now, sent time.Time, wait time.Duration, asked bool) (pause Pause, news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.strike(now, sent, wait, asked && wait > 0)
}

func (g *gate) strike(now, sent time.Time, wait time.Duration, asked bool) (pause Pause, news bool) {
	news = g.pause.isBefore(sent)
	if !asked {
		if !news {
			return g.pause, false
		}
		g.pause.Strikes++
		wait = backoff(g.pause.Strikes)
	}
	if until := now.Add(wait); until.After(g.pause.Until) {
		g.pause.Until, g.pause.Asked = until, asked
	}
	if news {
		g.pause.Since = now
	}
	return g.pause, news
}

// GotThrough takes note of a request that left at sent and got an answer of its own, good or bad: the tenant is not down,
// and after the pause it ends the count of strikes.
func (g *gate) GotThrough(sent time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.faltered)
	g.pause.Down = false
	if g.pause.isBefore(sent) {
		g.pause.Strikes = 0
	}
}

// isBefore reports whether the pause was over when a request left at sent.
func (p Pause) isBefore(sent time.Time) bool { return !sent.Before(p.Until) }

// backoff adds up to a quarter of jitter, so that processes do not come back as one.
func backoff(strikes int) time.Duration {
	wait := maxBackoff
	if doublings := strikes - 1; doublings < 9 {
		wait = min(maxBackoff, firstBackoff<<doublings)
	}
	return wait + rand.N(wait/4+1)
}
