package graphsim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Fault is a failure on purpose: a kind, and which requests it befalls. All
// that is said of them must hold. Rate is the share of those requests, 0 to 1;
// with any other selector 0 means all of them, and alone it means none.
type Fault struct {
	Kind     string
	Rate     float64
	Method   string // GET or PATCH
	Route    string // short name: plain, root, identity-root, …
	First    int    // only so many of the requests that match the rest, the first
	After    int    // only those that come after so many that match the rest
	StatusID string // exactly this status, decoded, on any route
}

// ParseFault reads KIND and its selectors, joined by colons, in any order but
// for status=ID, which takes the rest of the text: 503:2%, 429:first=3,
// noop:method=PATCH:status=u1.
func ParseFault(text string) (Fault, error) {
	kind, rest, found := strings.Cut(text, ":")
	if !found {
		return Fault{}, fmt.Errorf("fault %q: want KIND:RATE or KIND:SELECTOR…, for example 503:2%% or 429:first=3", text)
	}
	fault := Fault{Kind: kind}
	seen := map[string]bool{}
	for more := true; more; {
		selector := rest
		if more = !strings.HasPrefix(rest, "status="); more {
			selector, rest, more = strings.Cut(rest, ":")
		}
		if err := fault.take(selector, seen); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	if seen["a rate"] && fault.Rate == 0 && !fault.plain() {
		return Fault{}, fmt.Errorf("fault %q: a rate of 0 with other selectors: leave out the rate, or the fault", text)
	}
	return fault, fault.check()
}

// ParseFaults reads several, and reports all that is wrong joined. What it
// returns is the good ones.
func ParseFaults(texts []string) (faults []Fault, err error) {
	for _, text := range texts {
		fault, faulty := ParseFault(text)
		if faulty != nil {
			err = errors.Join(err, faulty)
			continue
		}
		faults = append(faults, fault)
	}
	return faults, err
}

// take reads one selector. Whatever has no equals sign is a rate.
func (f *Fault) take(selector string, seen map[string]bool) (err error) {
	name, value, named := strings.Cut(selector, "=")
	if !named {
		name, value = "a rate", selector
	}
	if seen[name] {
		return fmt.Errorf("%s was given already", name)
	}
	seen[name] = true
	switch name {
	case "a rate":
		f.Rate, err = parseRate(value)
		return err
	case "method":
		f.Method = value
	case "route":
		f.Route = value
	case "status":
		f.StatusID = value
	case "first":
		f.First, err = parseCount(value)
		return err
	case "after":
		f.After, err = parseCount(value)
		return err
	default:
		return fmt.Errorf("selector %q is unknown: there are a rate, method=, route=, first=, after= and status=", name)
	}
	if value == "" {
		return fmt.Errorf("%s is empty", name)
	}
	return nil
}

func parseRate(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	rate, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a rate, for example 0.02 or 2%%", text)
	}
	if percent {
		rate /= 100
	}
	return rate, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a whole number from 1 on", text)
	}
	return n, nil
}

func (f Fault) check() error {
	kind, ok := findFaultKind(f.Kind)
	if !ok {
		return unknownKind(f.Kind)
	}
	if !(f.Rate >= 0 && f.Rate <= 1) { // written so that NaN fails
		return fmt.Errorf("fault %s: rate %v is not between 0 and 1", f.Kind, f.Rate)
	}
	err := errors.Join(
		kind.only.checkMethod(f.Method), checkRouteName(f.Route),
		notNegative("first", f.First), notNegative("after", f.After),
	)
	return wrap("fault "+f.Kind+":", err)
}

func unknownKind(name string) error {
	return fmt.Errorf("fault kind %q is unknown: there are %s", name, strings.Join(faultKindNames(), ", "))
}

// plain says that nothing but a rate decides.
func (f Fault) plain() bool {
	return f == Fault{Kind: f.Kind, Rate: f.Rate}
}

// rated says that the dice decide. A rate of 0 among other selectors is one
// that was not given.
func (f Fault) rated() bool { return f.Rate > 0 || f.plain() }

// matches looks at the selectors that need neither dice nor counting.
func (f Fault) matches(s subject) bool {
	return (f.Method == "" || f.Method == s.method) &&
		(f.Route == "" || f.Route == s.route) &&
		(f.StatusID == "" || f.StatusID == s.statusID)
}

// counts says whether the n-th request that matches the rest, from 1, is one of
// those meant.
func (f Fault) counts(n int) bool {
	return n > f.After && (f.First == 0 || n <= f.After+f.First)
}

// checkFaults also refuses plain rates that cannot all be kept, because a
// request meets at most one fault. Those with selectors are not added up: they
// may concern different requests.
func checkFaults(faults []Fault) error {
	var errs []error
	sum := 0.0
	for _, fault := range faults {
		errs = append(errs, fault.check())
		if fault.plain() {
			sum += fault.Rate
		}
	}
	if sum > 1+1e-9 {
		errs = append(errs, fmt.Errorf("the rates of the faults add up to %.4g, more than 1", sum))
	}
	return errors.Join(errs...)
}
