package budget

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace gives one process its slots for one tenant: one after the other, a steady interval apart, never in bursts,
// because a window that contains the burst would hold more than the limit, and never in a pause. It is safe for
// concurrent use.
type Pace struct {
	interval time.Duration // the emission interval
	*gate

	mu      sync.Mutex
	limiter *rate.Limiter
	asked   time.Time // the latest instant that the limiter was asked about: asked about an earlier one it gives tokens away
}

// NewPace returns a pace that keeps to the limit.
func NewPace(limit Limit) *Pace {
	interval := limit.Interval()
	return &Pace{interval: interval, limiter: rate.NewLimiter(rate.Every(interval), 1), gate: &gate{faltered: map[[16]byte]bool{}}}
}

// Beside returns a pace for the other class of requests to the same tenant: it has a limit of its own, and the same
// pauses.
func (p *Pace) Beside(limit Limit) *Pace {
	other := NewPace(limit)
	other.gate = p.gate
	return other
}

// Block is how many slots a second has, at least 1 and at most most.
func (p *Pace) Block(most int) int {
	return max(1, min(most, int(time.Second/p.interval)))
}

// Ahead is how far the next slot lies after now. Who reserves while it is more than a second only makes others wait, and
// holds what it claimed for the slot all that time.
func (p *Pace) Ahead(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.from(now)
	missing := max(0, 1-p.limiter.TokensAt(at))
	return at.Sub(now) + time.Duration(missing*float64(p.interval))
}

// Slot takes the next slot: the instant at which one request may leave. Each lies an interval after the one before,
// whatever order the callers' clocks were read in.
func (p *Pace) Slot(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = p.from(now)
	return p.asked.Add(p.limiter.ReserveN(p.asked, 1).DelayFrom(p.asked))
}

// from is the latest of now, what was asked about before, and the end of the pause.
func (p *Pace) from(now time.Time) time.Time {
	at := now
	for _, t := range []time.Time{p.asked, p.last().Until} {
		if t.After(at) {
			at = t
		}
	}
	return at
}
