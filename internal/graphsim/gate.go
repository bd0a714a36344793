package graphsim

import (
	"net/http"
	"sync"
	"time"
)

// class tells the limits of one token apart.
type class int

const (
	write class = iota
	read
	anything // a request is one of the others and, where that is limited, this too
	classes
)

// classOf follows Microsoft's list: POST, PUT, DELETE and PATCH are writes.
func classOf(method string) class {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch:
		return write
	}
	return read
}

// limits are all that a gate keeps. A zero one is not kept; writes and reads
// always are.
type limits struct {
	shape    string
	own      [classes]Limit // of each token
	tenant   Limit          // of all tokens' writes together
	otherApp Limit          // what another app uses of the tenant's
	restart  bool           // whoever comes back early waits all over again
}

// gate throttles: each bearer token, which stands for an app in a tenant, has
// a window for its writes and one for its reads.
type gate struct {
	start  time.Time
	limits limits

	mu      sync.Mutex
	last    time.Duration
	lanes   map[lane]*traffic
	tenant  *tenant // nil: not limited
	sweepAt int     // so many lanes, and the idle ones are closed
	worst   [classes]int
}

type lane struct {
	token string
	class class
}

type traffic struct {
	window window
	meter  meter
	told   retryAfter
}

func newGate(l limits, start time.Time) *gate {
	g := &gate{start: start, limits: l, lanes: map[lane]*traffic{}, sweepAt: manyLanes}
	if l.tenant != (Limit{}) {
		g.tenant = newTenant(l, start)
	}
	return g
}

// decision is what the gate says about one request.
type decision struct {
	admitted   bool
	retryAfter int  // seconds, if not
	byTenant   bool // it is the tenant's limit that takes longest
	quota      quota
}

// quota is what is left of the limit that a request counts under by itself.
type quota struct {
	limit, used int
	empty       time.Duration // until none of it is used
}

// admit decides about a request received at now. Requests that overtook each
// other on the way here count as received together. One that any limit refuses
// takes no place in the others.
func (g *gate) admit(token string, c class, now time.Time) decision {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := max(now.Sub(g.start), g.last)
	g.last = at
	own, windows := g.windows(token, c, at)
	var d decision
	var wait time.Duration
	for _, w := range windows {
		if room := w.room(at); room > wait {
			wait, d.byTenant = room, g.tenant != nil && w == g.tenant.window
		}
	}
	wait = own.told.early(at, wait)
	if d.admitted = wait == 0; d.admitted {
		for _, w := range windows {
			w.take(at)
		}
	} else {
		d.retryAfter = retryAfterSeconds(wait)
		own.told.tell(at, d.retryAfter, g.limits.restart)
	}
	d.quota.limit = g.limits.own[c].Requests
	d.quota.used, d.quota.empty = own.window.usage(at)
	return d
}

// windows are all that have to have room, and the traffic of the first of them.
func (g *gate) windows(token string, c class, at time.Duration) (own *traffic, all []window) {
	own = g.enter(lane{token: token, class: c}, at)
	all = append(make([]window, 0, 3), own.window)
	if g.limits.own[anything] != (Limit{}) {
		all = append(all, g.enter(lane{token: token, class: anything}, at).window)
	}
	if g.tenant != nil && c == write {
		g.tenant.advance(at)
		all = append(all, g.tenant.window)
	}
	return own, all
}

// enter finds the lane's windows or opens them, and measures.
func (g *gate) enter(key lane, at time.Duration) *traffic {
	t, ok := g.lanes[key]
	if !ok {
		t = g.open(key)
	}
	g.worst[key.class] = max(g.worst[key.class], t.meter.count(at))
	return t
}

func (g *gate) open(key lane) *traffic {
	if len(g.lanes) >= g.sweepAt {
		g.closeIdleLanes()
	}
	limit := g.limits.own[key.class]
	t := &traffic{window: newWindow(g.limits.shape, limit, g.start), meter: meter{window: limit.Window}}
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
		if t.meter.received.n == 0 && t.told.until <= g.last {
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
