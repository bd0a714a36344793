package userstatus

import "strings"

// Route is one of the ten places of a device configuration under which Graph keeps user statuses.
type Route struct {
	Name       string   // short, for columns, flags and output
	Navigation []string // path segments between the configuration's id and userStatuses; none for the plain route
	// CertificateID says that a third id stands after Navigation: windows81TrustedRootCertificateId.
	CertificateID bool
}

// routes is Microsoft's list of PATCH routes for deviceConfigurationUserStatus (Graph beta), in its order.
var routes = []Route{
	{Name: "plain"},
	{Name: "root", Navigation: []string{"rootCertificate"}},
	{Name: "identity", Navigation: []string{"identityCertificate"}},
	{Name: "identity-root", Navigation: []string{"identityCertificate", "rootCertificate"}},
	{Name: "ios-scep-root", Navigation: []string{"microsoft.graph.iosScepCertificateProfile", "rootCertificate"}},
	{Name: "wp81-vpn-identity", Navigation: []string{"microsoft.graph.windowsPhone81VpnConfiguration", "identityCertificate"}},
	{Name: "macos-wired-root", Navigation: []string{"microsoft.graph.macOSWiredNetworkConfiguration", "rootCertificateForServerValidation"}},
	{Name: "macos-wired-identity", Navigation: []string{"microsoft.graph.macOSWiredNetworkConfiguration", "identityCertificateForClientAuthentication"}},
	{Name: "windows-eap-identity", Navigation: []string{"microsoft.graph.windowsWifiEnterpriseEAPConfiguration", "identityCertificateForClientAuthentication"}},
	{Name: "windows-eap-roots", Navigation: []string{"microsoft.graph.windowsWifiEnterpriseEAPConfiguration", "rootCertificatesForServerValidation"}, CertificateID: true},
}

// Plain is the route of statuses that hang on the configuration itself; the only one Graph v1.0 has.
const Plain = "plain"

// Routes returns the ten routes in Microsoft's order.
func Routes() []Route { return append([]Route(nil), routes...) }

// String returns the navigation as it stands in Microsoft's documentation, with a leading slash; empty for the
// plain route.
func (r Route) String() string {
	s := ""
	for _, segment := range r.Navigation {
		s += "/" + segment
	}
	if r.CertificateID {
		s += certificatePlaceholder
	}
	return s
}

const certificatePlaceholder = "/{windows81TrustedRootCertificateId}"

// RouteByName returns the route of that short name.
func RouteByName(name string) (Route, bool) {
	for _, r := range routes {
		if r.Name == name {
			return r, true
		}
	}
	return Route{}, false
}

// ParseRoute accepts a short name or the navigation as documented, with or without the leading slash and the
// placeholder of the third id. The error is a *ValueError.
func ParseRoute(s string) (Route, error) {
	for _, r := range routes {
		if s == r.Name || r.navigatedBy(s) {
			return r, nil
		}
	}
	names := make([]string, 0, 2*len(routes))
	for _, r := range routes {
		names = append(names, r.Name)
		if len(r.Navigation) > 0 {
			names = append(names, strings.Join(r.Navigation, "/"))
		}
	}
	right := "use one of " + strings.Join(routeNames(), ", ")
	if near, ok := Suggest(s, names); ok {
		right = "write " + near
	}
	return Route{}, &ValueError{Value: s, Problem: "is no route of user statuses", Right: right}
}

// navigatedBy reports whether s is the route's navigation. The plain route has none: an empty s is no spelling of it.
func (r Route) navigatedBy(s string) bool {
	if r.CertificateID {
		s = strings.TrimSuffix(s, certificatePlaceholder)
	}
	return len(r.Navigation) > 0 && strings.TrimPrefix(s, "/") == strings.Join(r.Navigation, "/")
}

func routeNames() []string {
	names := make([]string, len(routes))
	for i, r := range routes {
		names[i] = r.Name
	}
	return names
}
