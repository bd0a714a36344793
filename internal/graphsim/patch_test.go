package graphsim_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

func TestDocumentedExample(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	w := ask(sim, "PATCH", "http://graph.test"+plainRoute+"/s1", documentedBody, "client-request-id", "my-id", "Accept", "application/json")
	if w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	want := `{"@odata.context":"http://graph.test/beta/$metadata#deviceManagement/deviceConfigurations('c1')/userStatuses/$entity",` +
		`"@odata.type":"#microsoft.graph.deviceConfigurationUserStatus","id":"s1",` +
		`"userDisplayName":"User Display Name value","devicesCount":12,"status":"notApplicable",` +
		`"lastReportedDateTime":"2017-01-01T00:00:17.7709231-08:00","userPrincipalName":"User Principal Name value"}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	logged := sim.Requests()[0]
	if logged.Body != documentedBody || !logged.Applied || logged.ClientRequestID != "my-id" {
		t.Errorf("logged %+v", logged)
	}
	wantHeaders := http.Header{
		"Content-Type":        {"application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8"},
		"Content-Length":      {strconv.Itoa(len(want))},
		"Client-Request-Id":   {"my-id"},
		"Request-Id":          {logged.RequestID},
		"X-Ms-Ags-Diagnostic": {`{"ServerInfo":{"DataCenter":"North Europe","Slice":"E","Ring":"4","ScaleUnit":"000","RoleInstance":"DB1PEPF00000001"}}`},
	}
	if diff := cmp.Diff(wantHeaders, w.Header()); diff != "" {
		t.Error(diff)
	}
}

// TestPatchMerges tells a property left out from one that is null.
func TestPatchMerges(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, step := range []struct{ body, want string }{
		{`{"devicesCount":-2147483648}`, `"userDisplayName":null,"devicesCount":-2147483648,"status":"unknown","lastReportedDateTime":"0001-01-01T00:00:00Z","userPrincipalName":null}`},
		{`{"userDisplayName":"","status":"error"}`, `"userDisplayName":"","devicesCount":-2147483648,"status":"error","lastReportedDateTime":"0001-01-01T00:00:00Z","userPrincipalName":null}`},
		{`{"userDisplayName":null,"devicesCount":2147483647}`, `"userDisplayName":null,"devicesCount":2147483647,"status":"error","lastReportedDateTime":"0001-01-01T00:00:00Z","userPrincipalName":null}`},
		{`{"id":"s1","status":"error"}`, `"userDisplayName":null,"devicesCount":2147483647,"status":"error","lastReportedDateTime":"0001-01-01T00:00:00Z","userPrincipalName":null}`},
		{`{"lastReportedDateTime":"2017-01-01T00:00:00.10+02:00"}`, `"userDisplayName":null,"devicesCount":2147483647,"status":"error","lastReportedDateTime":"2017-01-01T00:00:00.10+02:00","userPrincipalName":null}`},
	} {
		w := ask(sim, "PATCH", plainRoute+"/s1", step.body)
		if w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), step.want) {
			t.Errorf("%s: %d %s", step.body, w.Code, w.Body)
		}
	}
}

func TestEveryComplianceStatus(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, status := range []string{"unknown", "notApplicable", "compliant", "remediated", "nonCompliant", "error", "conflict", "notAssigned"} {
		if w := ask(sim, "PATCH", plainRoute+"/s1", `{"status":"`+status+`"}`); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", status, w.Code, w.Body)
		}
	}
}

func TestRejectedBodies(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	const nothing, unreadable = "Invalid patch, at least 1 property must be changed.", "Unable to read JSON request payload"
	for _, test := range []struct{ body, message string }{
		{`{}`, nothing},
		{`{"@odata.type":"#microsoft.graph.deviceConfigurationUserStatus"}`, nothing},
		{`{"id":"s1"}`, nothing},
		{` `, unreadable},
		{`{"devicesCount":1`, unreadable},
		{`{"devicesCount":1}{}`, unreadable},
		{`{"devicesCount":1} x`, unreadable},
		{`{"devicesCount":01}`, unreadable},
		{`{"devicesCount":1,}`, unreadable},
		{`{'devicesCount':1}`, unreadable},
		{"\ufeff" + `{"devicesCount":1}`, unreadable},
		{"{\"userDisplayName\":\"\xff\"}", unreadable},
		{"{\"userDisplayName\":\"a\nb\"}", unreadable},
		{`[{"devicesCount":1}]`, "must be one JSON object"},
		{`null`, "must be one JSON object"},
		{`"x"`, "must be one JSON object"},
		{`{"status":"error","status":"error"}`, "'status' already exists"},
		{`{"status":"error","st\u0061tus":"error"}`, "'status' already exists"},
		{`{"deviceCount":1}`, "'deviceCount' does not exist"},
		{`{"DevicesCount":1}`, "'DevicesCount' does not exist"},
		{`{"@odata.id":"x"}`, "'@odata.id' does not exist"},
		{`{"id":"s2","devicesCount":1}`, "'id' must be 's1'"},
		{`{"id":null,"devicesCount":1}`, "'id' must be"},
		{`{"id":{},"devicesCount":1}`, "'id' must be"},
		{`{"@odata.type":"microsoft.graph.deviceConfigurationUserStatus","devicesCount":1}`, "'@odata.type' must be"},
		{`{"@odata.type":"#microsoft.graph.deviceConfigurationDeviceStatus","devicesCount":1}`, "'@odata.type' must be"},
		{`{"devicesCount":12.0}`, "'Edm.Int32'"},
		{`{"devicesCount":1e1}`, "'Edm.Int32'"},
		{`{"devicesCount":"12"}`, "'Edm.Int32'"},
		{`{"devicesCount":null}`, "'Edm.Int32'"},
		{`{"devicesCount":true}`, "'Edm.Int32'"},
		{`{"devicesCount":2147483648}`, "'Edm.Int32'"},
		{`{"devicesCount":-2147483649}`, "'Edm.Int32'"},
		{`{"devicesCount":[1]}`, "'Edm.Int32'"},
		{`{"userDisplayName":1}`, "'Edm.String'"},
		{`{"userDisplayName":false}`, "'Edm.String'"},
		{`{"userPrincipalName":{}}`, "'Edm.String'"},
		{`{"status":"Compliant"}`, "'microsoft.graph.complianceStatus'"},
		{`{"status":""}`, "'microsoft.graph.complianceStatus'"},
		{`{"status":null}`, "'microsoft.graph.complianceStatus'"},
		{`{"status":2}`, "'microsoft.graph.complianceStatus'"},
		{`{"lastReportedDateTime":null}`, "'Edm.DateTimeOffset'"},
		{`{"lastReportedDateTime":""}`, "'Edm.DateTimeOffset'"},
		{`{"lastReportedDateTime":"2017-01-01T00:00:00"}`, "'Edm.DateTimeOffset'"},
		{`{"lastReportedDateTime":1483228800}`, "'Edm.DateTimeOffset'"},
	} {
		w := ask(sim, "PATCH", plainRoute+"/s1", test.body)
		e := decode[graphError](t, w.Body)
		if w.Code != http.StatusBadRequest || e.Error.Code != "BadRequest" || !strings.Contains(e.Error.Message, test.message) {
			t.Errorf("%s: %d %+v", test.body, w.Code, e)
		}
	}
	if w := ask(sim, "PATCH", plainRoute+"/s1", "", "Content-Type", "application/json"); w.Code != http.StatusBadRequest {
		t.Errorf("no body: %d", w.Code)
	}
	if got := sim.Statuses(); len(got) != 0 {
		t.Errorf("a rejected body left %v", got)
	}
}

func TestStrict(t *testing.T) {
	sim := newSim(t, graphsim.Config{Strict: true, Statuses: 2})
	route := "/v1.0/deviceManagement/deviceConfigurations/" + graphsim.DemoConfiguration + "/userStatuses/"
	if w := ask(sim, "PATCH", route+"00000000-0000-4000-8000-000000000002", `{"devicesCount":1}`); w.Code != http.StatusOK {
		t.Errorf("a status that is there: %d %s", w.Code, w.Body)
	}
	w := ask(sim, "PATCH", route+"00000000-0000-4000-8000-000000000003", `{"devicesCount":1}`)
	if e := decode[graphError](t, w.Body); w.Code != http.StatusNotFound || e.Error.Code != "ResourceNotFound" {
		t.Errorf("a status that is not: %d %+v", w.Code, e)
	}
}
