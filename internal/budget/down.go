package budget

import "time"

// suspicious is how many targets must have met a passing fault in a row, with nothing got through between, before the
// fault may be the service's and not theirs.
const suspicious = 5

// Faltered takes note of a passing fault that a request for the target met. It reports whether it may be that nothing
// gets through for the tenant any more: then whoever asks should make sure, because a run whose last rows are all bad
// looks the same.
func (g *gate) Faltered(target [16]byte) (suspect bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.faltered) < suspicious {
		g.faltered[target] = true
	}
	return len(g.faltered) >= suspicious
}

// Down takes note that a request that left at sent found that nothing gets through. The tenant is paused as if Graph had
// asked for it without naming a time. It returns the pause and whether this is news, as Throttled does.
func (g *gate) Down(now, sent time.Time) (pause Pause, news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause.Down = true
	return g.strike(now, sent, 0, false)
}

// Probing reports whether nothing got through when last something was sent: then one request at a time is enough to find
// out whether that has changed.
func (g *gate) Probing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause.Down
}
