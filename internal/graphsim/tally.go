package graphsim

import (
	"maps"
	"sync"
)

// Stats are totals since the start or the last reset.
type Stats struct {
	Requests   uint64            `json:"requests"`   // to Graph's paths; those below /_sim/ are not counted
	ByStatus   map[int]uint64    `json:"byStatus"`   // by HTTP status answered
	Unanswered uint64            `json:"unanswered"` // the connection was cut, or the client left
	Applied    uint64            `json:"applied"`    // PATCHes that took effect
	Throttled  uint64            `json:"throttled"`  // refused by a limit; faults that answer 429 are not in it
	Faults     map[string]uint64 `json:"faults"`     // by kind

	// Requests to where redirects and links to another host lead. A client that
	// brings its token there gives it away.
	Elsewhere          uint64 `json:"elsewhere"`
	ElsewhereWithToken uint64 `json:"elsewhereWithToken"`

	InFlight    int `json:"inFlight"`
	MaxInFlight int `json:"maxInFlight"`

	// The most requests of one token received within any rolling window, the
	// refused ones included. A client that respects the limits never exceeds them.
	WorstWindowWrites  int     `json:"worstWindowWrites"`
	WorstWindowReads   int     `json:"worstWindowReads"`
	WriteLimit         int     `json:"writeLimit"`
	WriteWindowSeconds float64 `json:"writeWindowSeconds"`
	ReadLimit          int     `json:"readLimit"`
	ReadWindowSeconds  float64 `json:"readWindowSeconds"`

	Statuses        int    `json:"statuses"`
	KeptRequests    uint64 `json:"keptRequests"`
	DroppedRequests uint64 `json:"droppedRequests"` // the log was full

	Logins        uint64 `json:"logins"`        // requests for a token answered with one
	LoginFailures uint64 `json:"loginFailures"` // and those that were not
	ProxyRefused  uint64 `json:"proxyRefused"`  // requests for hosts that the proxy does not stand for
}

// tally counts exchanges.
type tally struct {
	mu     sync.Mutex
	totals Stats
}

func newTally() *tally {
	return &tally{totals: Stats{ByStatus: map[int]uint64{}, Faults: map[string]uint64{}}}
}

func (t *tally) arrive() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.InFlight++
	t.totals.MaxInFlight = max(t.totals.MaxInFlight, t.totals.InFlight)
}

func (t *tally) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.InFlight--
}

func (t *tally) count(r *Request, throttled bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.Requests++
	if r.Status == 0 {
		t.totals.Unanswered++
	} else {
		t.totals.ByStatus[r.Status]++
	}
	if r.Applied {
		t.totals.Applied++
	}
	if throttled {
		t.totals.Throttled++
	}
	if r.Fault != "" {
		t.totals.Faults[r.Fault]++
	}
}

func (t *tally) wentElsewhere(withToken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.Elsewhere++
	if withToken {
		t.totals.ElsewhereWithToken++
	}
}

// stats copies what was counted.
func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.totals
	s.ByStatus, s.Faults = maps.Clone(s.ByStatus), maps.Clone(s.Faults)
	return s
}
