package graphsim

import (
	"net/http"
	"sync"
	"time"
)

// class tells the two limits apart.
type class int

const (
	write class = iota
	read
)

// classOf follows Microsoft's list: POST, PUT, DELETE and PATCH are writes.
func classOf(method string) class {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch:
		return write
	}
	return read
}

// gate throttles: each bearer token, which stands for an app in a tenant, has
// a window for its writes and one for its reads.
type gate struct {
	start  time.Time
	limits [2]Limit

	mu      sync.Mutex
	last    time.Duration
	lanes   map[lane]*traffic
	sweepAt int // so many lanes, and the idle ones are closed
	worst   [2]int
}

type lane struct {
	token string
	class class
}

type traffic struct {
	window rollingWindow
	meter  meter
}

func newGate(writes, reads Limit, start time.Time) *gate {
	return &gate{start: start, limits: [2]Limit{writes, reads}, lanes: map[lane]*traffic{}, sweepAt: manyLanes}
}

// admit decides about a request received at now. Requests that overtook each
// other on the way here count as received together.
func (g *gate) admit(token string, c class, now time.Time) (wait time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := max(now.Sub(g.start), g.last)
	g.last = at
	t := g.traffic(lane{token: token, class: c})
	g.worst[c] = max(g.worst[c], t.meter.count(at))
	return t.window.admit(at)
}

// traffic finds the lane's windows or opens them.
func (g *gate) traffic(key lane) *traffic {
	if t, ok := g.lanes[key]; ok {
		return t
	}
	if len(g.lanes) >= g.sweepAt {
		g.closeIdleLanes()
	}
	limit := g.limits[key.class]
	t := &traffic{window: rollingWindow{limit: limit}, meter: meter{window: limit.Window}}
	g.lanes[key] = t
	return t
}

// manyLanes is when the windows of tokens that came and went are first cleared
// away.
const manyLanes = 1024

// closeIdleLanes sets the next sweep to twice what is left, otherwise many busy
// tokens would cost a sweep each.
func (g *gate) closeIdleLanes() {
	for key, t := range g.lanes {
		t.meter.received.forget(g.last - t.meter.window)
		if t.meter.received.n == 0 {
			delete(g.lanes, key)
		}
	}
	g.sweepAt = max(manyLanes, 2*len(g.lanes))
}

// worstWindows returns the most requests that any one token sent within any
// rolling window, refused ones included.
func (g *gate) worstWindows() (writes, reads int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.worst[write], g.worst[read]
}
