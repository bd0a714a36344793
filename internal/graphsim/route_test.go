package graphsim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

// documentedRoutes are written out here once more, so that a slip in the table
// shows.
var documentedRoutes = []string{
	"",
	"/rootCertificate",
	"/identityCertificate",
	"/identityCertificate/rootCertificate",
	"/microsoft.graph.iosScepCertificateProfile/rootCertificate",
	"/microsoft.graph.windowsPhone81VpnConfiguration/identityCertificate",
	"/microsoft.graph.macOSWiredNetworkConfiguration/rootCertificateForServerValidation",
	"/microsoft.graph.macOSWiredNetworkConfiguration/identityCertificateForClientAuthentication",
	"/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication",
	"/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation/cert%2F1",
}

func TestAllTenRoutes(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	var want []graphsim.Status
	for i, route := range documentedRoutes {
		path := "/deviceManagement/deviceConfigurations/c%2F1" + route + "/userStatuses/s%2f1_%C3%A4"
		if w := ask(sim, "PATCH", "/beta"+path, `{"status":"compliant"}`); w.Code != http.StatusOK {
			t.Errorf("PATCH beta %s: %d %s", route, w.Code, w.Body)
		}
		if w := ask(sim, "GET", "/beta"+path, ""); w.Code != http.StatusOK {
			t.Errorf("GET beta %s: %d %s", route, w.Code, w.Body)
		}
		w := ask(sim, "GET", "/v1.0"+path, "")
		if want := i == 0; (w.Code == http.StatusOK) != want {
			t.Errorf("GET v1.0 %s: %d %s", route, w.Code, w.Body)
		}
		navigation, isLast := strings.CutSuffix(route, "/cert%2F1")
		status := graphsim.Status{Configuration: "c/1", Navigation: navigation, ID: "s/1_ä",
			Properties: graphsim.Properties{Status: "compliant", LastReportedDateTime: "0001-01-01T00:00:00Z"}}
		if isLast {
			status.CertificateID = "cert/1"
		}
		want = append(want, status)
	}
	if diff := cmp.Diff(want, sim.Statuses()); diff != "" {
		t.Error(diff)
	}
}

func TestMisrouted(t *testing.T) {
	const noRoute = "No method match route template"
	segment := func(s string) string { return "BadRequest: Resource not found for the segment '" + s + "'." }
	root := "/beta/deviceManagement/deviceConfigurations"
	wifi := root + "/c/microsoft.graph.windowsWifiEnterpriseEAPConfiguration"
	for _, test := range []struct{ method, path, want string }{
		{"PATCH", root + "/c/userStatuses", noRoute},
		{"PATCH", root + "/c/userStatuses/", noRoute},
		{"PATCH", root + "//userStatuses/s", noRoute},
		{"PATCH", root + "/c/userStatusOverview", noRoute},
		{"PATCH", root + "/c", noRoute},
		{"PATCH", root, noRoute},
		{"PATCH", "/beta", noRoute},
		{"GET", root + "/c/rootCertificate", noRoute},
		{"PATCH", wifi + "/rootCertificatesForServerValidation//userStatuses/s", noRoute},
		{"PATCH", wifi + "/rootCertificatesForServerValidation/userStatuses/s", segment("s")},
		{"PATCH", root + "/c/certificates/userStatuses/s", segment("certificates")},
		{"PATCH", root + "/c/rootcertificate/userStatuses/s", segment("rootcertificate")},
		{"PATCH", root + "/c/UserStatuses/s", segment("UserStatuses")},
		{"PATCH", root + "/c/rootCertificate/deviceStatuses/s", segment("deviceStatuses")},
		{"PATCH", root + "/c/rootCertificate/identityCertificate/userStatuses/s", segment("identityCertificate")},
		{"PATCH", root + "/c/userStatuses/s/more", segment("more")},
		{"PATCH", root + "/c/userStatuses/a/b", segment("b")},
		{"GET", root + "/c/rootCertificate/userStatusOverview", segment("userStatusOverview")},
		{"PATCH", "/v1.0/deviceManagement/deviceConfigurations/c/rootCertificate/userStatuses/s", segment("rootCertificate")},
		{"PATCH", "/beta/devicemanagement/deviceConfigurations/c/userStatuses/s", segment("devicemanagement")},
		{"PATCH", "/beta/deviceManagement/configurations/c/userStatuses/s", segment("configurations")},
		{"PATCH", "/v2.0/deviceManagement/deviceConfigurations/c/userStatuses/s", "BadRequest: Invalid version: v2.0"},
		{"PATCH", "/", "BadRequest: Invalid version: "},
	} {
		sim := newSim(t, graphsim.Config{})
		w := ask(sim, test.method, test.path, `{"devicesCount":1}`)
		e := decode[graphError](t, w.Body)
		got := e.Error.Code
		if got != noRoute {
			got += ": " + e.Error.Message
		}
		if w.Code != http.StatusBadRequest || got != test.want {
			t.Errorf("%s %s: %d %s, want %s", test.method, test.path, w.Code, got, test.want)
		}
	}
}

func TestMethods(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, method := range []string{"patch", "Patch", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"} {
		for _, path := range []string{plainRoute, plainRoute + "/s1"} {
			w := ask(sim, method, path, `{"devicesCount":1}`)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, PATCH" {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	if got := sim.Statuses(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}
