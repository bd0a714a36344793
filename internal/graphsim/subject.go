package graphsim

import (
	"fmt"
	"net/http"
	"strings"
)

// subject is what faults and scripts know of a request. What a misrouted one
// asked for is not known, so its route and ids are empty.
type subject struct {
	method        string
	route         string // short name
	configuration string
	statusID      string
	listing       bool // GET of a collection
}

func subjectOf(method string, target route, misrouted bool) subject {
	if misrouted {
		return subject{method: method}
	}
	return subject{
		method: method, route: target.routeName, configuration: target.key.configuration, statusID: target.statusID,
		listing: method == http.MethodGet && (target.resource == statusCollection || target.resource == configurationCollection),
	}
}

// audience is the requests that a kind of fault makes sense for.
type audience int

const (
	anyRequest audience = iota
	patches
	listings
)

func (a audience) has(s subject) bool {
	switch a {
	case patches:
		return s.method == http.MethodPatch
	case listings:
		return s.listing
	}
	return true
}

// checkMethod also refuses what could never happen, because a fault that waits
// in vain is taken for a client that copes.
func (a audience) checkMethod(method string) error {
	switch {
	case method == "":
		return nil
	case method != http.MethodGet && method != http.MethodPatch:
		return fmt.Errorf("method %q: there are GET and PATCH", method)
	case a == patches && method == http.MethodGet:
		return fmt.Errorf("method GET: this kind is for a PATCH only")
	case a == listings && method == http.MethodPatch:
		return fmt.Errorf("method PATCH: this kind is for a GET of a collection only")
	}
	return nil
}

func checkRouteName(name string) error {
	if _, ok := findNavigation(name); ok || name == "" {
		return nil
	}
	return fmt.Errorf("route %q is unknown: there are %s", name, strings.Join(RouteNames(), ", "))
}
