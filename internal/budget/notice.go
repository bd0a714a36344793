package budget

import (
	"sync"
	"time"
)

// notice is what this process knows of the pause, and what it has not been able to tell yet.
type notice struct {
	mu   sync.Mutex
	halt halt
	// untold is the last pause that the database does not know yet. It holds for this process all the same.
	untold  *blow
	failed  bool      // telling it was tried
	untilIf time.Time // its end, on the database's clock
	class   string
	through time.Time // the slot that ended a count of strikes, to be told
	wake    chan struct{}
	// faltered are the targets that met a passing fault since something last got through, a few of them at most.
	faltered map[[16]byte]bool
}

func newNotice() notice {
	return notice{wake: make(chan struct{}, 1), faltered: map[[16]byte]bool{}}
}

// halted returns the pause that began last, in force or over.
func (n *notice) halted() halt {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.halt
}

// adopt takes what the database says, unless something later is known. It reports whether that moves the pause.
func (n *notice) adopt(h halt) (moved bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.Revision <= n.halt.Revision {
		return false
	}
	before := n.halt.Until
	n.halt = h
	if n.untold != nil && n.untilIf.After(h.Until) {
		n.halt.Until = n.untilIf
	}
	return n.halt.Until.After(before)
}

// strike takes note of a pause at once. It reports whether there is anything to tell.
func (n *notice) strike(class string, w blow, jitter float64) (worth bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	after, news := n.halt.struck(w, w.at, jitter)
	if !news && !after.Until.After(n.halt.Until) && after.Down == n.halt.Down {
		return false
	}
	n.halt, n.untold, n.failed, n.untilIf, n.class = after, &w, false, after.Until, class
	return true
}

// told takes note of whether the database could be told of a pause.
func (n *notice) told(w blow, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.untold == nil || *n.untold != w {
		return // a later one took its place
	}
	if n.failed = err != nil; !n.failed {
		n.untold = nil
	}
}

// retell returns the pause that could not be told, and how long it still lasts.
func (n *notice) retell(at time.Time) (class string, w blow, left time.Duration, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.untold == nil || !n.failed {
		return "", blow{}, 0, false
	}
	return n.class, *n.untold, n.untilIf.Sub(at), true
}

// success returns the slot of a success that is to be told.
func (n *notice) success() (slot time.Time, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.through, !n.through.IsZero()
}

// successTold takes note that the database knows of a success.
func (n *notice) successTold(slot time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.through.Equal(slot) {
		n.through = time.Time{}
	}
}

// gotThrough takes note of a success, and wakes who tells it when that changes anything.
func (n *notice) gotThrough(slot time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.faltered)
	after := n.halt.through(slot)
	if after == n.halt {
		return
	}
	n.halt, n.through = after, later(n.through, slot)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}
