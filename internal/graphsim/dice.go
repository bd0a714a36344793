package graphsim

import (
	"math/rand/v2"
	"sync"
)

// dice decides which request meets which fault. The same seed gives the same
// answers in the same order; with concurrent requests the order is theirs, but
// the number of faults in the first n draws stays the same.
type dice struct {
	byStatus map[string]faultKind
	rates    []ratedFault

	mu  sync.Mutex
	rng *rand.Rand
}

// ratedFault is met by a draw below upTo and not below the one before it.
type ratedFault struct {
	upTo float64
	kind faultKind
}

// newDice takes faults that were checked.
func newDice(faults []Fault, seed uint64) *dice {
	d := &dice{byStatus: map[string]faultKind{}, rng: rand.New(rand.NewPCG(seed, 0))}
	upTo := 0.0
	for _, fault := range faults {
		kind, _ := findFaultKind(fault.Kind)
		if fault.StatusID != "" {
			d.byStatus[fault.StatusID] = kind
			continue
		}
		upTo += fault.Rate
		d.rates = append(d.rates, ratedFault{upTo: upTo, kind: kind})
	}
	return d
}

// roll returns the fault that a request for statusID meets, if any. One draw is
// made for each call, so that one permanent fault does not shift the others.
func (d *dice) roll(statusID string) (faultKind, bool) {
	rated, hit := d.draw()
	if kind, ok := d.byStatus[statusID]; ok && statusID != "" {
		return kind, true
	}
	return rated, hit
}

func (d *dice) draw() (faultKind, bool) {
	if len(d.rates) == 0 {
		return faultKind{}, false
	}
	d.mu.Lock()
	u := d.rng.Float64()
	d.mu.Unlock()
	for _, fault := range d.rates {
		if u < fault.upTo {
			return fault.kind, true
		}
	}
	return faultKind{}, false
}
