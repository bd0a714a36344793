package graphsim

import (
	"math/rand/v2"
)

// dice decides which request meets which fault. The same seed gives the same
// answers in the same order; with concurrent requests the order is theirs, but
// the number of faults in the first n draws stays the same. It is not safe for
// concurrent use.
type dice struct {
	drawn  bool // some fault has a rate
	rng    *rand.Rand
	faults []loadedFault
}

// loadedFault counts the requests that matched it and that no fault before it
// had taken.
type loadedFault struct {
	Fault
	kind faultKind
	met  int
}

// newDice takes faults that were checked.
func newDice(faults []Fault, seed uint64) *dice {
	d := &dice{rng: rand.New(rand.NewPCG(seed, 0))}
	for _, fault := range faults {
		kind, _ := findFaultKind(fault.Kind)
		d.faults = append(d.faults, loadedFault{Fault: fault, kind: kind})
		d.drawn = d.drawn || fault.rated()
	}
	return d
}

// roll returns the fault that a request meets, if any: the first in the order
// given whose selectors hold. u is the request's draw. Each rate has its own
// part of the unit interval; one that begins past its end is never met.
func (d *dice) roll(s subject, u float64) (faultKind, bool) {
	from := 0.0
	for i := range d.faults {
		f := &d.faults[i]
		if !f.kind.only.has(s) || !f.matches(s) {
			continue
		}
		if f.rated() {
			upTo := from + f.Rate
			hit := from <= u && u < upTo
			from = upTo
			if !hit {
				continue
			}
		}
		f.met++
		if f.counts(f.met) {
			return f.kind, true
		}
	}
	return faultKind{}, false
}

// draw is made once for each request, whichever faults look at it, so that what
// befalls one request does not shift the others.
func (d *dice) draw() float64 {
	if !d.drawn {
		return 0
	}
	return d.rng.Float64()
}
