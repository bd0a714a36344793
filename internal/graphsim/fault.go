package graphsim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Fault is a failure on purpose. One with a StatusID meets every request for
// exactly that status; one without meets a fraction Rate of all requests.
type Fault struct {
	Kind     string
	Rate     float64 // 0 to 1; unused with a StatusID
	StatusID string
}

// faultKind is one way to fail. None of them changes any state.
type faultKind struct {
	name       string
	problem    problem
	retryAfter bool // carries the configured Retry-After
	reset      bool // the connection is cut instead of an answer
}

// faultKinds is the table of what --fault can do. The texts name neither a
// scope nor a licence nor a route, because those mean that every request would
// fail, and a fault concerns one.
var faultKinds = []faultKind{
	{name: "429", problem: tooManyRequests(), retryAfter: true},
	{name: "503", problem: problem{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: intuneMessage, intune: true}, retryAfter: true},
	{name: "500", problem: problem{status: http.StatusInternalServerError, code: "InternalServerError", message: intuneMessage, intune: true}},
	{name: "504", problem: problem{status: http.StatusGatewayTimeout, code: "UnknownError"}},
	{name: "reset", reset: true},
	{name: "404", problem: problem{status: http.StatusNotFound, code: "ResourceNotFound", message: intuneMessage, intune: true}},
	{name: "403", problem: problem{status: http.StatusForbidden, code: "Forbidden", message: intuneMessage, intune: true}},
}

// ParseFault reads KIND:RATE, where RATE is a fraction such as 0.02 or 2%, or
// KIND:status=ID for every request that concerns one status.
func ParseFault(text string) (Fault, error) {
	kind, when, found := strings.Cut(text, ":")
	if !found {
		return Fault{}, fmt.Errorf("fault %q: want KIND:RATE or KIND:status=ID, for example 503:2%%", text)
	}
	if id, ok := strings.CutPrefix(when, "status="); ok {
		fault := Fault{Kind: kind, StatusID: id}
		if id == "" {
			return fault, fmt.Errorf("fault %q: the status id is empty", text)
		}
		return fault, fault.check()
	}
	rate, err := parseRate(when)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	fault := Fault{Kind: kind, Rate: rate}
	return fault, fault.check()
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

func (f Fault) check() error {
	if _, ok := findFaultKind(f.Kind); !ok {
		return fmt.Errorf("fault kind %q is unknown: there are %s", f.Kind, strings.Join(faultKindNames(), ", "))
	}
	if !(f.Rate >= 0 && f.Rate <= 1) { // written so that NaN fails
		return fmt.Errorf("fault %s: rate %v is not between 0 and 1", f.Kind, f.Rate)
	}
	return nil
}

// checkFaults also refuses rates that cannot all be kept, because a request
// meets at most one fault.
func checkFaults(faults []Fault) error {
	var errs []error
	sum := 0.0
	for _, fault := range faults {
		errs = append(errs, fault.check())
		sum += fault.Rate
	}
	if sum > 1+1e-9 {
		errs = append(errs, fmt.Errorf("the rates of the faults add up to %.4g, more than 1", sum))
	}
	return errors.Join(errs...)
}

func findFaultKind(name string) (faultKind, bool) {
	for _, kind := range faultKinds {
		if kind.name == name {
			return kind, true
		}
	}
	return faultKind{}, false
}

func faultKindNames() []string {
	names := make([]string, len(faultKinds))
	for i, kind := range faultKinds {
		names[i] = kind.name
	}
	return names
}
