package graphsim

import "time"

// retryAfter remembers what a token was told, where coming back early has a
// price.
type retryAfter struct {
	until   time.Duration
	seconds time.Duration
}

// early makes whoever comes before the time wait at least as long once more.
func (r *retryAfter) early(now, wait time.Duration) time.Duration {
	if now < r.until {
		return max(wait, r.seconds)
	}
	return wait
}

func (r *retryAfter) tell(now time.Duration, seconds int, remember bool) {
	if remember {
		r.seconds = time.Duration(seconds) * time.Second
		r.until = now + r.seconds
	}
}

// tenant is the limit that all apps share, and the writes of one that is not
// here. They fall due at even distances, and one that finds no room is first in
// line for what room there is next; otherwise whoever asks more often would
// drive it out.
type tenant struct {
	window   window
	length   time.Duration
	distance time.Duration // between two writes of the other app; 0: there is none
	due      time.Duration // its next one
	last     time.Duration // advanced to
}

func newTenant(l limits, start time.Time) *tenant {
	t := &tenant{window: newWindow(l.shape, l.tenant, start), length: l.tenant.Window}
	if l.otherApp != (Limit{}) {
		t.distance = max(1, l.otherApp.Window/time.Duration(l.otherApp.Requests))
	}
	return t
}

// advance lets the other app write up to now. What fell due more than two
// windows ago is forgotten: it no longer matters, or there was never room.
func (t *tenant) advance(now time.Duration) {
	if t.distance == 0 {
		return
	}
	if missed := (now - 2*t.length - t.due) / t.distance; missed > 0 {
		t.due += missed * t.distance
	}
	for t.due <= now {
		at := max(t.due, t.last)
		if at += t.window.room(at); at > now {
			break
		}
		t.window.take(at)
		t.due, t.last = t.due+t.distance, at
	}
	t.last = now
}
