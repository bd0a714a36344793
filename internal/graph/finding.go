package graph

import (
	"fmt"
	"net/http"
)

// stop is an answer that no row is to blame for: every other row of the run would meet it, too.
type stop struct {
	status int
	phrase string // in the code or the message
	means  string // for an administrator
}

const (
	notServed   = "Graph does not serve this route: check the column route, or ask Microsoft whether it can be written"
	notAllowed  = "the app may not do this: grant it the permission DeviceManagementConfiguration.ReadWrite.All and give it admin consent"
	notLicensed = "the tenant is not set up for this: it needs an active Intune licence"
)

// stops are the answers that concern the whole run. The route code, "Request not applicable" and the words about scopes
// stand in public reports; OData services and Microsoft's documentation of Graph's authorization errors use the others.
var stops = []stop{
	{http.StatusBadRequest, "No method match route template", notServed},
	{http.StatusBadRequest, "Resource not found for the segment", notServed},
	{http.StatusBadRequest, "Request not applicable to target tenant", notLicensed},
	{http.StatusForbidden, "Request not applicable to target tenant", notLicensed},
	{http.StatusForbidden, "Application is not authorized to perform this operation", notAllowed},
	{http.StatusForbidden, "must have one of the following scopes", notAllowed},
	{http.StatusForbidden, "Insufficient privileges", notAllowed},
	{http.StatusForbidden, "Authorization_RequestDenied", notAllowed},
	{http.StatusForbidden, "Missing scope", notAllowed},
	{http.StatusForbidden, "scopes are missing", notAllowed},
	{http.StatusForbidden, "licence", notLicensed},
	{http.StatusForbidden, "license", notLicensed},
	{http.StatusForbidden, "not onboarded", notLicensed},
	{http.StatusForbidden, "Tenant is not provisioned", notLicensed},
}

// StopsRun reports whether the answer concerns the whole run rather than its row, and says in plain words why, with
// Graph's own at the end.
func (x Exchange) StopsRun() (reason string, stops bool) {
	s, ok := x.stop()
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%s. Graph says: %s", s.means, x.Problem()), true
}

func (x Exchange) stop() (stop, bool) {
	if x.Status != http.StatusBadRequest && x.Status != http.StatusForbidden {
		return stop{}, false
	}
	answer := readError(x.Body)
	for _, s := range stops {
		if s.status == x.Status && answer.contains(s.phrase) {
			return s, true
		}
	}
	return stop{}, false
}

// NothingChanged reports whether Graph refused the update because it would change nothing. Users report it; whether it is
// true, a read tells.
func (x Exchange) NothingChanged() bool {
	return x.Status == http.StatusBadRequest && readError(x.Body).contains("at least 1 property must be changed")
}
