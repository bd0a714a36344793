package budget

import (
	"sync"
	"time"
)

// A slot is not given before this much later than it was asked for, nor before two round trips are over: else a process
// far from its database would be late for each.
const leastLead = 50 * time.Millisecond

// anchorAge is how long one reading of the database's clock is relied on. Two clocks drift apart by less than a
// millisecond in that time.
const anchorAge = 10 * time.Second

// clock maps the database's clock to this process's monotonic one. It never maps an instant to an earlier one than it
// was: the database read its clock before its answer came.
type clock struct {
	mu        sync.Mutex
	local, db time.Time     // the same instant on both
	within    time.Duration // how much earlier the database's may have been read
	roundTrip time.Duration
	heard     time.Time // when the database last said how things stand
}

// observe learns from an exchange that was begun and ended on this process's clock, and in which the database read its own.
// Of several exchanges the fastest is nearest to the truth, unless a later one contradicts it because a clock was set.
func (c *clock) observe(begun, ended, db time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mapped := c.local.Add(db.Sub(c.db))
	if c.local.IsZero() || mapped.After(ended) || mapped.Before(begun) || ended.Sub(c.local) > anchorAge {
		c.local, c.db, c.within = ended, db, ended.Sub(begun)
	}
	trip := ended.Sub(begun)
	// Quickly up, slowly down.
	c.roundTrip = max(trip, (9*c.roundTrip+trip)/10)
	c.heard = ended
}

// toLocal maps an instant of the database's clock to this process's.
func (c *clock) toLocal(db time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.local.Add(db.Sub(c.db))
}

// toDB maps the other way; what it returns is not yet over on the database's clock.
func (c *clock) toDB(local time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.db.Add(local.Sub(c.local)).Truncate(time.Microsecond)
}

// toDBAtLeast is toDB for what must not be taken for earlier than it was.
func (c *clock) toDBAtLeast(local time.Time) time.Time {
	at := c.toDB(local)
	c.mu.Lock()
	defer c.mu.Unlock()
	return at.Add(c.within + time.Microsecond).Truncate(time.Microsecond)
}

// lead is how long after it is asked for the first slot may lie.
func (c *clock) lead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(leastLead, 2*c.roundTrip).Round(time.Microsecond)
}

// early is how long before its supply ends a process asks for more, so that the answer is there in time.
func (c *clock) early() time.Duration {
	lead := c.lead()
	return lead + lead/2
}

// silent reports whether the database has said nothing for a time.
func (c *clock) silent(now time.Time, d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.heard) >= d
}
