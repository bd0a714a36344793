package graphsim

import "time"

// history is a queue of instants that grows to what a window really holds.
// Instants are durations since a common start, which costs 8 bytes each.
type history struct {
	ring []time.Duration // length is a power of two
	head int             // the oldest
	n    int
}

func (h *history) push(at time.Duration) {
	if h.n == len(h.ring) {
		h.grow()
	}
	h.ring[(h.head+h.n)&(len(h.ring)-1)] = at
	h.n++
}

func (h *history) grow() {
	bigger := make([]time.Duration, max(16, 2*len(h.ring)))
	copied := copy(bigger, h.ring[h.head:])
	copy(bigger[copied:], h.ring[:h.head])
	h.ring, h.head = bigger, 0
}

// forget drops what happened at cutoff or before.
func (h *history) forget(cutoff time.Duration) {
	for h.n > 0 && h.oldest() <= cutoff {
		h.head = (h.head + 1) & (len(h.ring) - 1)
		h.n--
	}
}

func (h *history) oldest() time.Duration { return h.ring[h.head] }

func (h *history) newest() time.Duration { return h.ring[(h.head+h.n-1)&(len(h.ring)-1)] }
