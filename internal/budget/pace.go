package budget

import (
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace gives one process its slots for one tenant: one after the other, a steady interval apart, never in bursts,
// because a window that contains the burst would hold more than the limit. It is safe for concurrent use.
type Pace struct {
	limiter *rate.Limiter

	mu    sync.Mutex
	pause Pause
}

// Pause says that nobody on the tenant sends before Until, because Graph said so.
type Pause struct {
	Since   time.Time // when it was last prolonged
	Until   time.Time
	Asked   bool // Graph named the time; otherwise it comes from the backoff
	Strikes int  // throttled answers in a row that came without a time
}

// NewPace returns a pace that keeps to the limit.
func NewPace(limit Limit) *Pace {
	return &Pace{limiter: rate.NewLimiter(rate.Limit(limit.PerSecond()), 1)}
}

// Block is how many slots a second has, at least 1 and at most most.
func (p *Pace) Block(most int) int {
	return max(1, min(most, int(float64(p.limiter.Limit()))))
}

// Ahead is how far the last slot given lies after now. Who reserves while it is more than a second only makes others
// wait.
func (p *Pace) Ahead(now time.Time) time.Duration {
	debt := -p.limiter.TokensAt(now)
	if debt <= 0 {
		return 0
	}
	return time.Duration(debt / float64(p.limiter.Limit()) * float64(time.Second))
}

// Slot takes the next slot: the instant at which one request may leave.
func (p *Pace) Slot(now time.Time) time.Time {
	return now.Add(p.limiter.ReserveN(now, 1).DelayFrom(now))
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

// Throttled takes note of a throttled answer to a request that left at sent. wait is what Graph asked for, if asked.
// It returns the pause and whether this answer is news: the other answers of one burst are not.
func (p *Pace) Throttled(now, sent time.Time, wait time.Duration, asked bool) (pause Pause, news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = sent.After(p.pause.Since)
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

// Succeeded ends the count of strikes.
func (p *Pace) Succeeded(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sent.After(p.pause.Since) {
		p.pause.Strikes = 0
	}
}

// backoff adds up to a quarter of jitter, so that processes do not come back as one.
func backoff(strikes int) time.Duration {
	wait := maxBackoff
	if doublings := strikes - 1; doublings < 9 {
		wait = min(maxBackoff, firstBackoff<<doublings)
	}
	return wait + time.Duration(rand.Float64()*float64(wait)/4) //nolint:gosec // jitter needs no secret
}
