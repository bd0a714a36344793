package graph_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/userstatus"
)

// documentedPaths are the ten routes of Microsoft's documentation, by our short names.
var documentedPaths = map[string]string{
	"plain":                "/beta/deviceManagement/deviceConfigurations/C/userStatuses/S",
	"root":                 "/beta/deviceManagement/deviceConfigurations/C/rootCertificate/userStatuses/S",
	"identity":             "/beta/deviceManagement/deviceConfigurations/C/identityCertificate/userStatuses/S",
	"identity-root":        "/beta/deviceManagement/deviceConfigurations/C/identityCertificate/rootCertificate/userStatuses/S",
	"ios-scep-root":        "/beta/deviceManagement/deviceConfigurations/C/microsoft.graph.iosScepCertificateProfile/rootCertificate/userStatuses/S",
	"wp81-vpn-identity":    "/beta/deviceManagement/deviceConfigurations/C/microsoft.graph.windowsPhone81VpnConfiguration/identityCertificate/userStatuses/S",
	"macos-wired-root":     "/beta/deviceManagement/deviceConfigurations/C/microsoft.graph.macOSWiredNetworkConfiguration/rootCertificateForServerValidation/userStatuses/S",
	"macos-wired-identity": "/beta/deviceManagement/deviceConfigurations/C/microsoft.graph.macOSWiredNetworkConfiguration/identityCertificateForClientAuthentication/userStatuses/S",
	"windows-eap-identity": "/beta/deviceManagement/deviceConfigurations/C/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication/userStatuses/S",
	"windows-eap-roots":    "/beta/deviceManagement/deviceConfigurations/C/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation/W/userStatuses/S",
}

func TestEveryRouteOnTheWire(t *testing.T) {
	t.Parallel()
	if got, want := len(userstatus.Routes()), len(documentedPaths); got != want {
		t.Fatalf("%d routes, documented are %d", got, want)
	}
	sim, client := newSim(t, graphsim.Config{})
	for i, route := range userstatus.Routes() {
		target := userstatus.Target{Route: route.Name, ConfigurationID: "C", StatusID: "S"}
		if route.CertificateID {
			target.CertificateID = "W"
		}
		x := client.Patch(t.Context(), target, wanted(t), uuid.New())
		if x.Status != http.StatusOK || x.Err != nil {
			t.Errorf("%s: %d %v %s", route.Name, x.Status, x.Err, x.Body)
		}
		if got, want := sim.Requests()[i].Path, documentedPaths[route.Name]; got != want {
			t.Errorf("%s: got path %s, want %s", route.Name, got, want)
		}
		if !strings.HasSuffix(x.URL, documentedPaths[route.Name]) {
			t.Errorf("%s: the exchange says %s", route.Name, x.URL)
		}
		if got, want := client.Serves(route.Name), true; got != want {
			t.Errorf("%s: served by beta: %v", route.Name, got)
		}
	}
}

func TestV1HasThePlainRouteOnly(t *testing.T) {
	t.Parallel()
	server := answering(t, http.StatusOK, "{}")
	config := configFor(server.URL + "/tenant-proxy/")
	config.Version = "v1.0"
	client := newClient(t, config)
	for _, route := range userstatus.Routes() {
		if got, want := client.Serves(route.Name), route.Name == "plain"; got != want {
			t.Errorf("Serves(%s): got %v, want %v", route.Name, got, want)
		}
	}
	want := server.URL + "/tenant-proxy/v1.0/deviceManagement/deviceConfigurations/" + configuration + "/userStatuses/" + status
	if got := patch(t, client).URL; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var hostileIDs = []string{
	"../", "../../users", "a/../b", "%2f", "%2F..%2f", "%", "%zz", `"`, "'", "a b", "ä", "日本", "a+b", "a;b", "a#b", "a?b=c", "a&b", `a\b`,
	"a:b", "http://elsewhere/", "//elsewhere", "{id}", "<id>", "a|b", "a^b", "a`b", "~", "a@b", "a,b", "a=b", "(a)", "*", "$count", "...", "_-.",
}

func TestHostileIDsStaySegments(t *testing.T) {
	t.Parallel()
	sim, client := newSim(t, graphsim.Config{})
	for i, id := range hostileIDs {
		target := userstatus.Target{Route: "windows-eap-roots", ConfigurationID: id, CertificateID: id, StatusID: id}
		if x := client.Patch(t.Context(), target, wanted(t), uuid.New()); x.Status != http.StatusOK {
			t.Errorf("%q: %d %v %s", id, x.Status, x.Err, x.Body)
		}
		request := sim.Requests()[i]
		checkSegments(t, request.Path, id)
		if request.Query != "" {
			t.Errorf("%q: has become a query: %s", id, request.Query)
		}
	}
	type ids struct{ configuration, certificate, status string }
	var got, want []ids
	for _, s := range sim.Statuses() {
		got = append(got, ids{s.Configuration, s.CertificateID, s.ID})
	}
	for _, id := range hostileIDs {
		want = append(want, ids{id, id, id})
	}
	if diff := cmp.Diff(byText(got), byText(want), cmp.AllowUnexported(ids{})); diff != "" {
		t.Errorf("statuses (-got +want):\n%s", diff)
	}
}

// byText is a set, because a listing has an order of its own.
func byText[T comparable](all []T) map[T]int {
	set := map[T]int{}
	for _, one := range all {
		set[one]++
	}
	return set
}

func checkSegments(t *testing.T, path, id string) {
	t.Helper()
	var got []string
	for segment := range strings.SplitSeq(path, "/") {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			t.Errorf("%q: segment %q: %v", id, segment, err)
		}
		got = append(got, decoded)
	}
	want := []string{
		"", "beta", "deviceManagement", "deviceConfigurations", id,
		"microsoft.graph.windowsWifiEnterpriseEAPConfiguration", "rootCertificatesForServerValidation", id, "userStatuses", id,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%q (-got +want):\n%s", id, diff)
	}
}

func FuzzIDsStaySegments(f *testing.F) {
	for _, id := range hostileIDs {
		f.Add(id)
	}
	sim, client := newSim(f, graphsim.Config{KeepRequests: 1})
	f.Fuzz(func(t *testing.T, id string) {
		if _, err := userstatus.ParseID(id); err != nil {
			t.Skip()
		}
		target := userstatus.Target{Route: "windows-eap-roots", ConfigurationID: id, CertificateID: id, StatusID: id}
		if x := client.Patch(t.Context(), target, userstatus.Wanted{}, uuid.New()); x.Status == 0 {
			t.Fatalf("not sent: %v", x.Err)
		}
		checkSegments(t, sim.Requests()[0].Path, id)
	})
}

// TestTargetsThatMustNotBeSent tells that a fault of ours never becomes a request for something else.
func TestTargetsThatMustNotBeSent(t *testing.T) {
	t.Parallel()
	client := newClient(t, configFor("http://127.0.0.1:1"))
	for name, target := range map[string]userstatus.Target{
		"empty status":          {Route: "plain", ConfigurationID: "C"},
		"empty configuration":   {Route: "plain", StatusID: "S"},
		"empty certificate":     {Route: "windows-eap-roots", ConfigurationID: "C", StatusID: "S"},
		"step up":               {Route: "plain", ConfigurationID: "..", StatusID: "S"},
		"step nowhere":          {Route: "plain", ConfigurationID: "C", StatusID: "."},
		"no route of that name": {Route: "/plain", ConfigurationID: "C", StatusID: "S"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("was sent")
				}
			}()
			client.Patch(t.Context(), target, userstatus.Wanted{}, uuid.New())
		})
	}
}
