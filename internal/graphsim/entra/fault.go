package entra

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Fault is a failure on purpose. It meets the first requests that it concerns,
// or all of them.
type Fault struct {
	Kind  string
	First int // so many; 0 is all
}

// faultKind is one way to fail.
type faultKind struct {
	name    string
	on      string // the credential or the request it concerns; "" is every request for a token
	refusal refusal
	act     act
}

// act is what happens in place of an answer in Entra's form.
type act int

const (
	refuse act = iota
	cutOff
	hang
	showPage
)

// discovery stands beside the credentials as something a fault may concern.
const discovery = "discovery"

var faultKinds = []faultKind{
	{name: "429", refusal: tooMany.with("Retry-After", "2")},
	{name: "429-bare", refusal: tooMany},
	{name: "500", refusal: transient.as(http.StatusInternalServerError)},
	{name: "503", refusal: transient},
	{name: "reset", act: cutOff},
	{name: "hang", act: hang},
	{name: "html", act: showPage},
	{name: "expired-secret", on: bySecret, refusal: expiredSecret},
	{name: "slow-down", on: byDevice, refusal: slowDown},
	{name: "expired-code", on: byDevice, refusal: expiredCode},
	{name: "no-discovery", on: discovery, refusal: noDiscovery},
}

// ParseFault reads KIND or KIND:first=N.
func ParseFault(text string) (Fault, error) {
	kind, when, limited := strings.Cut(text, ":")
	fault := Fault{Kind: kind}
	if limited {
		digits, ok := strings.CutPrefix(when, "first=")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 1 {
			return Fault{}, fmt.Errorf("login fault %q: want KIND or KIND:first=N, for example 503:first=2", text)
		}
		fault.First = n
	}
	return fault, fault.check()
}

func (f Fault) check() error {
	if _, ok := findFaultKind(f.Kind); !ok {
		return fmt.Errorf("login fault kind %q is unknown: there are %s", f.Kind, strings.Join(faultKindNames(), ", "))
	}
	if f.First < 0 {
		return fmt.Errorf("login fault %s: first=%d must not be negative", f.Kind, f.First)
	}
	return nil
}

func checkFaults(faults []Fault) error {
	var errs []error
	for _, fault := range faults {
		errs = append(errs, fault.check())
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

// armed is a fault with what is left of it.
type armed struct {
	kind  faultKind
	left  int
	never bool // it is never used up
}

// arm takes faults that were checked.
func arm(faults []Fault) []armed {
	all := make([]armed, len(faults))
	for i, fault := range faults {
		kind, _ := findFaultKind(fault.Kind)
		all[i] = armed{kind: kind, left: fault.First, never: fault.First == 0}
	}
	return all
}

// meet returns the first fault that concerns what is asked, and uses it once.
func (s *state) meet(what string) (faultKind, bool) {
	for i := range s.faults {
		f := &s.faults[i]
		concerned := f.kind.on == what || f.kind.on == "" && what != discovery
		if !concerned || !f.never && f.left == 0 {
			continue
		}
		f.left--
		return f.kind, true
	}
	return faultKind{}, false
}
