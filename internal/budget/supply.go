package budget

import (
	"slices"
	"time"
)

// Slot is the instant at which one request may leave, on this process's clock.
type Slot struct {
	At time.Time
	db time.Time // the same on the database's clock
}

// supply is what one process was given of a class and has not used: it decides whom a slot goes to and when to ask for
// more. It is pure; Lane locks it.
type supply struct {
	free     []Slot    // given, and nobody's: in order
	last     Slot      // the latest one given
	shut     time.Time // the database is not asked before, because it refused or did not answer
	backstop *backstop
}

// grant takes what the database gave, as far as the backstop lets it pass.
func (s *supply) grant(given []Slot) {
	for _, slot := range given {
		if s.backstop.passes(slot.At) {
			s.free = append(s.free, slot)
		}
		if slot.At.After(s.last.At) {
			s.last = slot
		}
	}
	slices.SortFunc(s.free, func(a, b Slot) int { return a.At.Compare(b.At) })
}

// take hands out up to n of the free slots that are not over yet and lie in no pause; the others are gone.
func (s *supply) take(now time.Time, n int, h halt) []Slot {
	s.free = slices.DeleteFunc(s.free, func(slot Slot) bool { return slot.At.Before(now) || slot.db.Before(h.Until) })
	n = min(max(n, 0), len(s.free))
	taken := slices.Clone(s.free[:n])
	s.free = slices.Delete(s.free, 0, n)
	return taken
}

// idle reports whether the process has no slot to come: it may then stand far back in the line, otherwise it would never
// get its turn among many.
func (s *supply) idle(now time.Time) bool { return !s.last.At.After(now) }

// askAt is when to ask the database for more: when what it gave is nearly used up, wherever the line ends. That makes
// processes take turns.
func (s *supply) askAt(early time.Duration) time.Time { return later(s.last.At.Add(-early), s.shut) }

// void takes note of a pause: a process whose slots it covers has none to come.
func (s *supply) void(now time.Time, h halt) {
	if s.last.db.Before(h.Until) && s.last.At.After(now) {
		s.last.At = now
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
