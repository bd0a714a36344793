package graphsim

import "time"

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
