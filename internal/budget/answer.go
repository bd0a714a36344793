package budget

import (
	"context"
	"math/rand/v2"
	"time"
	"unicode/utf8"
)

// suspicious is how many targets must have met a passing fault in a row, with nothing got through between, before the
// fault may be the service's and not theirs.
const suspicious = 5

// Faltered takes note of a passing fault that a request for the target met. It reports whether it may be that nothing
// gets through for the tenant any more: then whoever asks should make sure, because a run whose last rows are all bad
// looks the same.
func (b *Budget) Faltered(target [16]byte) (suspect bool) {
	n := &b.gate
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.faltered) < suspicious {
		n.faltered[target] = true
	}
	return len(n.faltered) >= suspicious
}

// Probing reports whether nothing got through when last something was sent: then one request at a time is enough to find
// out whether that has changed.
func (b *Budget) Probing() bool { return b.gate.halted().Down }

// Paused returns the pause in force at now, if there is one, on this process's clock.
func (b *Budget) Paused(now time.Time) (pause Pause, ok bool) {
	pause = b.pause(b.gate.halted())
	return pause, now.Before(pause.Until)
}

func (b *Budget) pause(h halt) Pause {
	p := Pause{Asked: h.Asked, Down: h.Down, Strikes: h.Strikes, Reason: h.Reason}
	if h.Until.After(notYet) {
		p.Since, p.Until = b.clock.toLocal(h.Since), b.clock.toLocal(h.Until)
	}
	return p
}

// GotThrough takes note that the request of a slot got an answer of its own, good or bad: the tenant is not down, and
// after a pause it ends the count of strikes.
func (b *Budget) GotThrough(slot Slot) { b.gate.gotThrough(slot.db) }

// Throttle is an answer that asks for a pause.
type Throttle struct {
	Wait   time.Duration // what Graph asked for; 0 when it named no time, or none at all
	Tenant bool          // it is meant for all apps of the tenant
	// TooMany says that the rate was too high, so that it falls for a while. A service that is busy says nothing about it.
	TooMany bool
	Reason  string // for people; cut at 200 bytes
}

// Throttled pauses the app, or all apps of the tenant, because of a throttled answer to the request of a slot that came at
// now. It returns the pause and whether this answer is news: the other answers of one burst are not. This process
// pauses at once, the others are told through the database; an error says that they are not yet, and will be.
func (l *Lane) Throttled(ctx context.Context, now time.Time, slot Slot, t Throttle) (pause Pause, news bool, err error) {
	return l.strike(ctx, now, blow{slot: slot.db, wait: max(0, t.Wait), tenant: t.Tenant, tooMany: t.TooMany, reason: cut(t.Reason)})
}

// Down pauses the app, as if Graph had asked for it without naming a time, because the request of a slot found that
// nothing gets through. It returns what Throttled does.
func (l *Lane) Down(ctx context.Context, now time.Time, slot Slot) (pause Pause, news bool, err error) {
	return l.strike(ctx, now, blow{slot: slot.db, down: true, reason: "nothing gets through"})
}

func (l *Lane) strike(ctx context.Context, now time.Time, w blow) (pause Pause, news bool, err error) {
	jitter := rand.Float64()
	w.at = later(l.b.clock.toDBAtLeast(now), w.slot)
	if !l.b.gate.strike(l.class, w, jitter) {
		return l.b.pause(l.b.gate.halted()), false, nil
	}
	l.b.voided(now)
	// Once it is known here it has to be known everywhere, whoever goes home in between.
	h, news, err := l.b.strike(context.WithoutCancel(ctx), l.class, w, jitter)
	l.b.gate.told(w, err)
	if err == nil {
		l.b.adopt(h)
	}
	return l.b.pause(l.b.gate.halted()), news, err
}

// hintEvery is how often a process tells the database of a hint.
const hintEvery = 5 * time.Second

// Used lowers the rate when Graph says that so much of the limit is used up, 1 is the whole, and others must have a part
// in it.
func (l *Lane) Used(ctx context.Context, fraction float64) error {
	if !(fraction >= hintsFrom) {
		return nil
	}
	l.mu.Lock()
	now := l.b.now()
	soon := now.Before(l.hinted)
	if !soon {
		l.hinted = now.Add(hintEvery)
	}
	l.mu.Unlock()
	if soon {
		return nil
	}
	return l.b.ease(ctx, l.class, fraction)
}

// adopt takes what the database says of the pause.
func (b *Budget) adopt(h halt) {
	if b.gate.adopt(h) {
		b.voided(b.now())
	}
}

func (b *Budget) voided(now time.Time) {
	h := b.gate.halted()
	b.Writes.voided(now, h)
	b.Reads.voided(now, h)
}

// cut keeps a reason within what NOTIFY carries, and to what Postgres can store.
func cut(reason string) string {
	const most = 200
	for i := range reason {
		if i > most {
			reason = reason[:i]
			break
		}
	}
	clean := make([]rune, 0, len(reason))
	for _, r := range reason {
		if r != 0 && r != utf8.RuneError {
			clean = append(clean, r)
		}
	}
	return string(clean)
}
