package graphsim

import (
	"net/url"
	"strings"
)

// resource is what a URL addresses.
type resource int

const (
	oneStatus resource = iota
	statusCollection
	statusOverview
	configurationCollection
)

// navigation is one way from a configuration to statuses.
type navigation struct {
	name        string // short, for the selectors of faults
	path        string // as in the URL, from the configuration on
	certificate bool   // followed by the id of a certificate
	v1          bool   // documented in v1.0 too
}

// navigations are the ten documented routes. All exist in beta.
var navigations = []navigation{
	{name: "plain", path: "", v1: true},
	{name: "root", path: "/rootCertificate"},
	{name: "identity", path: "/identityCertificate"},
	{name: "identity-root", path: "/identityCertificate/rootCertificate"},
	{name: "ios-scep-root", path: "/microsoft.graph.iosScepCertificateProfile/rootCertificate"},
	{name: "wp81-vpn-identity", path: "/microsoft.graph.windowsPhone81VpnConfiguration/identityCertificate"},
	{name: "macos-wired-root", path: "/microsoft.graph.macOSWiredNetworkConfiguration/rootCertificateForServerValidation"},
	{name: "macos-wired-identity", path: "/microsoft.graph.macOSWiredNetworkConfiguration/identityCertificateForClientAuthentication"},
	{name: "windows-eap-identity", path: "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication"},
	{name: "windows-eap-roots", path: "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation", certificate: true},
}

func findNavigation(name string) (navigation, bool) {
	for _, n := range navigations {
		if n.name == name {
			return n, true
		}
	}
	return navigation{}, false
}

// RouteNames are the short names of the ten routes.
func RouteNames() []string {
	names := make([]string, len(navigations))
	for i, n := range navigations {
		names[i] = n.name
	}
	return names
}

// collectionKey is what a set of statuses belongs to.
type collectionKey struct {
	configuration, navigation, certificateID string
}

// route is a URL understood.
type route struct {
	resource  resource
	version   string
	key       collectionKey
	routeName string // short; "" for the collection of configurations
	statusID  string
}

// pattern is a navigation, or the overview, as segments; "*" stands for an id.
type pattern struct {
	navigation
	resource resource
	segments []string
}

var patterns = compilePatterns()

func compilePatterns() []pattern {
	var all []pattern
	for _, n := range navigations {
		segments := strings.Split(n.path, "/")[1:]
		if n.path == "" {
			segments = nil
		}
		if n.certificate {
			segments = append(segments, "*")
		}
		collection := append(segments, "userStatuses")
		all = append(all,
			pattern{n, oneStatus, append(collection[:len(collection):len(collection)], "*")},
			pattern{n, statusCollection, collection})
	}
	return append(all, pattern{navigation{name: "plain", v1: true}, statusOverview, []string{"userStatusOverview"}})
}

// parseRoute reads the path as it was sent. Elements are decoded after the path
// was split, so an encoded slash stays inside its id.
func parseRoute(method, escapedPath string) (route, error) {
	segments, err := decodeSegments(escapedPath)
	if err != nil {
		return route{}, err
	}
	rest, err := skipRoot(method, segments)
	if err != nil {
		return route{}, err
	}
	if len(rest) == 0 {
		return route{version: segments[0], resource: configurationCollection}, nil
	}
	found := route{version: segments[0], key: collectionKey{configuration: segments[3]}}
	err = found.resolve(method, rest)
	return found, err
}

func decodeSegments(escapedPath string) ([]string, error) {
	segments := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	for i, segment := range segments {
		if !strings.Contains(segment, "%") {
			continue
		}
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, badRequest("Malformed percent-encoding in segment '%s'.", segment)
		}
		segments[i] = decoded
	}
	return segments, nil
}

// skipRoot returns what follows the id of the configuration, which is nothing
// for the collection of configurations.
func skipRoot(method string, segments []string) ([]string, error) {
	if segments[0] != "beta" && segments[0] != "v1.0" {
		return nil, badRequest("Invalid version: %s", segments[0])
	}
	for i, want := range []string{"deviceManagement", "deviceConfigurations"} {
		if len(segments) <= i+1 {
			return nil, noRoute(method)
		}
		if segments[i+1] != want {
			return nil, unknownSegment(segments[i+1])
		}
	}
	if len(segments) == 3 {
		return nil, nil
	}
	if len(segments) < 5 || segments[3] == "" {
		return nil, noRoute(method)
	}
	return segments[4:], nil
}

// resolve finds the pattern that rest follows to the end. If there is none, the
// first segment that no pattern explains is named.
func (r *route) resolve(method string, rest []string) error {
	understood := 0
	for _, p := range patterns {
		if r.version != "beta" && !p.v1 {
			continue
		}
		n := p.matches(rest)
		if n == len(p.segments) && n == len(rest) {
			return r.accept(method, p, rest)
		}
		understood = max(understood, n)
	}
	if understood == len(rest) {
		return noRoute(method)
	}
	return unknownSegment(rest[understood])
}

// matches counts the segments that agree from the start.
func (p pattern) matches(rest []string) int {
	n := 0
	for n < len(rest) && n < len(p.segments) && (p.segments[n] == "*" || p.segments[n] == rest[n]) {
		n++
	}
	return n
}

// accept takes the ids. A trailing slash where an id should be addresses the
// collection: this is how an empty id silently becomes something else.
func (r *route) accept(method string, p pattern, rest []string) error {
	r.resource = p.resource
	r.key.navigation, r.routeName = p.path, p.name
	if p.certificate {
		r.key.certificateID = p.certificateIn(rest)
		if r.key.certificateID == "" {
			return noRoute(method)
		}
	}
	if p.resource == oneStatus {
		r.statusID = rest[len(rest)-1]
		if r.statusID == "" {
			r.resource = statusCollection
		}
	}
	return nil
}

func (p pattern) certificateIn(rest []string) string {
	return rest[strings.Count(p.path, "/")]
}
