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

// rollingWindow admits a request if fewer than the limit were admitted in the
// window that ends now. The window is half open: what is exactly one window
// old has left it. A refused request leaves no trace.
type rollingWindow struct {
	limit    Limit
	admitted history
}

// admit decides about a request at now, which never goes back. A refusal says
// how long it takes until the window has room.
func (w *rollingWindow) admit(now time.Duration) (wait time.Duration, ok bool) {
	w.admitted.forget(now - w.limit.Window)
	if w.admitted.n < w.limit.Requests {
		w.admitted.push(now)
		return 0, true
	}
	return w.admitted.oldest() + w.limit.Window - now, false
}

// retryAfterSeconds rounds up, because whoever comes back after it must find
// room.
func retryAfterSeconds(wait time.Duration) int {
	return max(1, int((wait+time.Second-1)/time.Second))
}

// maxMetered bounds the memory of a meter to 8 MiB. A window that held more
// requests is reported as this many.
const maxMetered = 1 << 20

// meter measures the fullest rolling window there has been, over everything
// that was received, refused or not.
type meter struct {
	window   time.Duration
	received history
}

// count returns how many requests the window that ends now holds.
func (m *meter) count(now time.Duration) int {
	m.received.forget(now - m.window)
	if m.received.n < maxMetered {
		m.received.push(now)
	}
	return m.received.n
}
