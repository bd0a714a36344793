package budget

import (
	"context"
	"slices"
	"sync"
	"time"
)

// lease is how long the slots last that one statement takes, or it is one slot. With longer ones sixteen processes would
// come round so seldom that a minute is not enough for equal shares.
const lease = 100 * time.Millisecond

// A process that has slots to come asks for more only when they lie within the horizon; one that has none may stand as far
// back in the line as the longest one, which keeps within the ten seconds that a claim of rows is good for.
const (
	horizon     = time.Second
	idleHorizon = 8 * time.Second
)

// Lane gives out the slots for one class of requests, writes or reads, of one app to one tenant. It is safe for
// concurrent use.
type Lane struct {
	b        *Budget
	class    string
	limit    Limit
	aboveAll Limit // of all apps of the tenant together; none when it is zero

	mu         sync.Mutex
	supply     supply
	waiting    []*caller
	asking     bool      // a statement is under way
	took       time.Time // when somebody last wanted slots
	seen       time.Time // the highest TAT the database told, so that it never goes behind it
	seenAbove  time.Time
	inForce    Limit
	hinted     time.Time // until when the database is told of no hint again
	needs      time.Duration
	misbehaves int // answers in a row that did not come
}

// caller is somebody who waits for a statement.
type caller struct {
	want  int
	done  chan struct{}
	gone  bool
	slots []Slot
	err   error
}

// Take returns up to want slots in order of their instants, at the latest when the database has answered one statement,
// which all callers that wait share. There may be none. wake is when to ask again. An error that is not the context's says
// why nothing can be had at present, the database cannot be reached for instance, and passes: ask again at wake.
func (l *Lane) Take(ctx context.Context, now time.Time, want int) (slots []Slot, wake time.Time, err error) {
	l.mu.Lock()
	l.took = now
	if slots = l.supply.take(now, want, l.b.gate.halted()); len(slots) > 0 || want < 1 {
		defer l.mu.Unlock()
		return slots, l.wake(), nil
	}
	if wake := l.wake(); now.Before(wake) {
		defer l.mu.Unlock()
		return nil, wake, nil
	}
	c := &caller{want: want, done: make(chan struct{})}
	l.waiting = append(l.waiting, c)
	if !l.asking {
		l.asking = l.b.start(l.ask)
	}
	l.mu.Unlock()
	return l.await(ctx, c)
}

// await returns what the caller gets. What comes after it has left goes to others.
func (l *Lane) await(ctx context.Context, c *caller) (slots []Slot, wake time.Time, err error) {
	select {
	case <-c.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-l.b.closing.Done():
		err = context.Cause(l.b.closing)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		c.gone = true
		l.putBack(c.slots)
		return nil, l.wake(), err
	}
	return c.slots, l.wake(), c.err
}

// Needs tells how long it took from getting slots until the requests could leave. Slots are asked for with as much time
// more, otherwise a process far from its database would be late for each.
func (l *Lane) Needs(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.needs = max(took, (9*l.needs+took)/10).Round(time.Microsecond)
}

// wake is when a caller that has got nothing asks again: what was given is nearly used up, the database is asked again, and
// a pause is nearly over. Lane.mu is held.
func (l *Lane) wake() time.Time {
	early := l.b.clock.early() + l.needs
	at := l.supply.askAt(early)
	if until := l.b.gate.halted().Until; until.After(notYet) {
		at = later(at, l.b.clock.toLocal(until).Add(-early-rousing))
	}
	return at
}

// rousing is how much earlier than otherwise a process asks for the slots after a pause: all processes do so at once, and
// claim rows, of which nothing has been in any cache for a while.
const rousing = 500 * time.Millisecond

// notYet is before any pause: the database's epoch.
var notYet = time.Unix(0, 0)

// linger is how long a statement waits for callers that wake at the same instant as the first. Slots are asked for early
// enough that it costs nothing, and otherwise the first one's wish alone would be the turn of the process.
const linger = 2 * time.Millisecond

// ask makes one statement after the other, while callers wait for one.
func (l *Lane) ask(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
		case <-time.After(linger):
		}
		l.mu.Lock()
		now := l.b.now()
		if now.Before(l.wake()) {
			l.answer(l.waiting, now, nil) // they came during the last one, which leaves nothing to ask for
			l.waiting = nil
		}
		batch := slices.DeleteFunc(l.waiting, func(c *caller) bool { return c.gone })
		l.waiting = nil
		if len(batch) == 0 {
			l.asking = false
			l.mu.Unlock()
			return
		}
		request := l.request(batch, now)
		l.mu.Unlock()

		given, err := l.b.reserve(ctx, request)

		l.mu.Lock()
		l.learn(given, err)
		l.answer(batch, l.b.now(), err)
		l.mu.Unlock()
	}
}

// request is what to ask the database for. Lane.mu is held.
func (l *Lane) request(batch []*caller, now time.Time) request {
	r := request{
		class: l.class, lead: l.b.clock.lead() + l.needs, horizon: horizon + l.b.clock.lead() + l.needs,
		limit: l.limit, seen: l.seen, aboveAll: l.aboveAll, seenAbove: l.seenAbove,
	}
	for _, c := range batch {
		r.want += c.want
	}
	if l.supply.idle(now) {
		r.horizon = idleHorizon
	}
	return r
}

// learn takes the database's answer. Lane.mu is held.
func (l *Lane) learn(given reservation, err error) {
	now := l.b.now()
	if err != nil {
		l.supply.shut = now.Add(patience(l.misbehaves))
		l.misbehaves++
		return
	}
	l.misbehaves = 0
	l.inForce = given.limit
	l.seen, l.seenAbove = later(l.seen, given.tat), later(l.seenAbove, given.tatAbove)
	slots := make([]Slot, given.n)
	for i := range slots {
		db := given.first.Add(time.Duration(i) * given.step)
		slots[i] = Slot{At: l.b.clock.toLocal(db), db: db}
	}
	l.supply.grant(slots)
	if given.n == 0 {
		l.supply.shut = l.refused(given, now)
	}
}

// refused is when to ask again for what lies too far ahead: when it no longer does, or when this process has used up what
// it has.
func (l *Lane) refused(given reservation, now time.Time) time.Time {
	first := l.b.clock.toLocal(given.first)
	again := first.Add(-idleHorizon)
	if !l.supply.idle(now) {
		again = first.Add(-horizon)
		if l.supply.last.At.Before(again) {
			again = l.supply.last.At
		}
	}
	return later(again, now.Add(5*time.Millisecond))
}

// patience is how long to leave a database alone that failed so many times before: 0.1 s, doubled, up to 2 s.
func patience(failures int) time.Duration {
	return min(2*time.Second, 100*time.Millisecond<<min(failures, 10))
}

// answer shares out what there is, one slot after the other, and lets the callers go. Lane.mu is held.
func (l *Lane) answer(batch []*caller, now time.Time, err error) {
	batch = slices.DeleteFunc(batch, func(c *caller) bool { return c.gone })
	h := l.b.gate.halted()
	for open := true; open; {
		open = false
		for _, c := range batch {
			if len(c.slots) < c.want {
				one := l.supply.take(now, 1, h)
				c.slots = append(c.slots, one...)
				open = open || len(one) > 0
			}
		}
	}
	for _, c := range batch {
		if len(c.slots) == 0 {
			c.err = err
		}
		close(c.done)
	}
}

// GiveBack returns slots that will not be used: another caller gets those whose time has not come.
func (l *Lane) GiveBack(slots []Slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.putBack(slots)
}

func (l *Lane) putBack(slots []Slot) {
	l.supply.free = append(l.supply.free, slots...)
	slices.SortFunc(l.supply.free, func(a, b Slot) int { return a.At.Compare(b.At) })
}

// Due reports whether the request of a slot may leave now. From the slot's instant on, false means never: it is too late,
// because the next window's slots are others', or a pause lies over it.
func (l *Lane) Due(slot Slot, now time.Time) bool {
	return !now.Before(slot.At) && now.Sub(slot.At) <= maxLate && !slot.db.Before(l.b.gate.halted().Until)
}

// InForce returns the limit that all processes keep to, and whether it is this one's own. The lowest of those that they
// were started with holds.
func (l *Lane) InForce() (limit Limit, own bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inForce, l.inForce.Interval() <= l.limit.Interval()
}

// lively reports whether somebody uses the lane or has slots of it.
func (l *Lane) lively(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.supply.idle(now) || now.Sub(l.took) < idleHorizon
}

// voided takes note of a pause.
func (l *Lane) voided(now time.Time, h halt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.supply.void(now, h)
}
