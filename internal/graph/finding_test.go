package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

// Which answers stop the whole run, and what an administrator is told.
func TestStopsRun(t *testing.T) {
	t.Parallel()
	const intune = "Application is not authorized to perform this operation. Application must have one of the following scopes: DeviceManagementConfiguration.ReadWrite.All - Operation ID (for customer support): 0"
	for name, c := range map[string]struct {
		status int
		body   string
		says   string // "" when it is the row's own
	}{
		"unrouted, in the code":            {400, odata("No method match route template", nested("No OData route exists that match template", 1)), "does not serve this route"},
		"unrouted, in another case":        {400, odata("no method MATCH route template", ""), "does not serve this route"},
		"unknown segment":                  {400, odata("BadRequest", "Resource not found for the segment 'userStatuses'."), "does not serve this route"},
		"missing scope, nested":            {403, odata("Forbidden", nested(intune, 2)), "DeviceManagementConfiguration.ReadWrite.All"},
		"missing scope, broken off":        {403, odata("Forbidden", intune)[:200], "DeviceManagementConfiguration.ReadWrite.All"},
		"request denied":                   {403, odata("Authorization_RequestDenied", "Insufficient privileges to complete the operation."), "admin consent"},
		"licence":                          {403, odata("Forbidden", "Request not applicable to target tenant."), "Intune licence"},
		"licence, as a bad request":        {400, odata("BadRequest", "Request not applicable to target tenant."), "Intune licence"},
		"American licence":                 {403, odata("Forbidden", "Tenant does not have a valid license"), "Intune licence"},
		"a row's own refusal":              {403, odata("Forbidden", nested("An error has occurred", 1)), ""},
		"a row's own bad request":          {400, odata("BadRequest", "Cannot convert the value"), ""},
		"the words under another status":   {404, odata("ResourceNotFound", "Resource not found for the segment 'x'."), ""},
		"the words of a throttled request": {429, odata("No method match route template", ""), ""},
		"nothing would change":             {400, odata("BadRequest", "Invalid patch, at least 1 property must be changed."), ""},
		"no words":                         {403, "", ""},
		"a page":                           {403, "<html><title>Forbidden</title></html>", ""},
	} {
		reason, stops := graph.Exchange{Sent: true, Status: c.status, Body: []byte(c.body)}.StopsRun()
		if stops != (c.says != "") || !strings.Contains(reason, c.says) {
			t.Errorf("%s: %v, %q", name, stops, reason)
		}
		if stops && !strings.Contains(reason, "Graph says: ") {
			t.Errorf("%s: without Graph's own words: %q", name, reason)
		}
	}
}

func TestNothingChanged(t *testing.T) {
	t.Parallel()
	const words = "Invalid patch, at least 1 property must be changed."
	for _, c := range []struct {
		status int
		body   string
		want   bool
	}{
		{400, odata("BadRequest", words), true},
		{400, odata("BadRequest", nested(words, 2)), true},
		{400, odata("BadRequest", "Invalid patch"), false},
		{409, odata("BadRequest", words), false},
		{200, odata("BadRequest", words), false},
	} {
		if got := (graph.Exchange{Sent: true, Status: c.status, Body: []byte(c.body)}).NothingChanged(); got != c.want {
			t.Errorf("%d %s: got %v", c.status, c.body, got)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		want    float64
		ok      bool
	}{
		"none":                    {nil, 0, false},
		"documented":              {[]string{"X-Ms-Throttle-Limit-Percentage", "0.8"}, 0.8, true},
		"over the limit":          {[]string{"X-Ms-Throttle-Limit-Percentage", "1.8"}, 1.8, true},
		"in percent":              {[]string{"X-Ms-Throttle-Limit-Percentage", " 85% "}, 0.85, true},
		"garbage":                 {[]string{"X-Ms-Throttle-Limit-Percentage", "much"}, 0, false},
		"no number":               {[]string{"X-Ms-Throttle-Limit-Percentage", "NaN"}, 0, false},
		"negative":                {[]string{"X-Ms-Throttle-Limit-Percentage", "-1"}, 0, false},
		"remaining":               {[]string{"Ratelimit-Limit", "100", "Ratelimit-Remaining", "25"}, 0.75, true},
		"with its policy":         {[]string{"Ratelimit-Limit", "100, 100;w=20", "Ratelimit-Remaining", "0"}, 1, true},
		"remaining without limit": {[]string{"Ratelimit-Remaining", "25"}, 0, false},
		"no limit at all":         {[]string{"Ratelimit-Limit", "0", "Ratelimit-Remaining", "0"}, 0, false},
		"more left than there is": {[]string{"Ratelimit-Limit", "10", "Ratelimit-Remaining", "25"}, 0, true},
		"structured":              {[]string{"Ratelimit", "limit=100, remaining=50, reset=5"}, 0.5, true},
		"the larger counts":       {[]string{"Ratelimit", "limit=100, remaining=50", "X-Ms-Throttle-Limit-Percentage", "0.9"}, 0.9, true},
	} {
		header := http.Header{}
		for i := 0; i < len(c.headers); i += 2 {
			header.Add(c.headers[i], c.headers[i+1])
		}
		got, ok := graph.Exchange{Header: header}.Usage()
		if got != c.want || ok != c.ok {
			t.Errorf("%s: got %v %v, want %v %v", name, got, ok, c.want, c.ok)
		}
	}
}
