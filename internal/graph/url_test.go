package graph_test

import (
	"encoding/csv"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/source"
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
	"a:b", "http://elsewhere/", "//elsewhere", "{id}", "<id>", "a|b", "a^b", "a`b", "~", "a@b", "a,b", "a=b", "(a)", "*", "...", "_-.",
	"%00", "%2e%2e", "%0a", "\u05d0\u05d1\u05d2", "é", "e\u0301", "\u212a", "🙂", "a//b", "/", "//", "\\", ";v=1", "a%", strings.Repeat("x", 256), strings.Repeat("/", 256),
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

// FuzzIDsArrive holds what the simulator understands of a request, over real HTTP, against the target that was sent: every id
// that is accepted arrives as it is, on its route, and nothing besides.
func FuzzIDsArrive(f *testing.F) {
	for i, id := range hostileIDs {
		f.Add(uint8(i), id, hostileIDs[len(hostileIDs)-1-i], id+"s")
	}
	sim, client := newSim(f, graphsim.Config{KeepRequests: 1})
	f.Fuzz(func(t *testing.T, number uint8, configuration, certificate, status string) {
		for _, id := range []string{configuration, certificate, status} {
			if _, err := userstatus.ParseID(id); err != nil {
				t.Skip("refused before it is a target")
			}
		}
		route := userstatus.Routes()[int(number)%len(userstatus.Routes())]
		target := userstatus.Target{Route: route.Name, ConfigurationID: configuration, StatusID: status}
		if route.CertificateID {
			target.CertificateID = certificate
		}
		sim.Reset()
		if x := client.Patch(t.Context(), target, wanted(t), uuid.New()); x.Status != http.StatusOK {
			t.Fatalf("%+v: %d %v %s", target, x.Status, x.Err, x.Body)
		}
		checkArrived(t, sim, target, route)
	})
}

func checkArrived(t *testing.T, sim *graphsim.Server, target userstatus.Target, route userstatus.Route) {
	t.Helper()
	statuses, request := sim.Statuses(), sim.Requests()[0]
	if len(statuses) != 1 || request.Query != "" {
		t.Fatalf("%+v has become %d statuses and the query %q", target, len(statuses), request.Query)
	}
	navigation := ""
	if len(route.Navigation) > 0 {
		navigation = "/" + strings.Join(route.Navigation, "/")
	}
	got := []string{statuses[0].Configuration, statuses[0].Navigation, statuses[0].CertificateID, statuses[0].ID}
	if diff := cmp.Diff([]string{target.ConfigurationID, navigation, target.CertificateID, target.StatusID}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", request.Path, diff)
	}
}

// TestHostileIDsOfAFile takes ids all the way from a cell to Graph: each is refused, with line and column, or arrives.
func TestHostileIDsOfAFile(t *testing.T) {
	t.Parallel()
	refused := map[string]string{
		"": "is an empty id", ".": "is a path step", "..": "is a path step", "$count": "begins with a dollar sign",
		"a\nb": "holds a control character", "a\tb": "holds a control character", "\x1b[2J": "holds a control character", "a\u0085": "holds a control character",
		" a": "begins or ends with white space", "a\u00a0": "begins or ends with white space", "\ufeffa": "holds an invisible character",
		"\u202egpj": "holds an invisible character", "a\u200bb": "holds an invisible character", "a\u2028b": "holds an invisible character",
		strings.Repeat("x", 257): "is longer than 256 bytes", strings.Repeat("é", 129): "is longer than 256 bytes",
	}
	ids := slices.Concat(hostileIDs, slices.Sorted(maps.Keys(refused)))
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write([]string{"deviceConfigurationId", "id", "status"})
	for i, id := range ids {
		_ = w.Write([]string{"c" + strconv.Itoa(i), id, "compliant"})
	}
	w.Flush()
	sim, client := newSim(t, graphsim.Config{})
	config := source.CSVConfig{Name: "ids.csv", Tenant: uuid.New(), Delimiter: ',', TempDir: t.TempDir(), SkipInvalid: true, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text.String())), nil
	}}
	config.OnSkip = func(bad source.BadRow) error {
		id := ids[bad.Number-1]
		if f := bad.Faults[0]; len(bad.Faults) != 1 || f.Column != 2 || f.Line != bad.Line || refused[id] == "" || !strings.Contains(f.Problem, refused[id]) {
			t.Errorf("%q: refused with %v", id, bad.Faults)
		}
		delete(refused, id)
		return nil
	}
	file, err := source.NewCSV(config)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := file.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	arrived := 0
	for row, err := range file.Rows(t.Context(), sum) {
		if err != nil {
			t.Fatal(err)
		}
		sim.Reset()
		if x := client.Patch(t.Context(), row.Update.Target, row.Update.Wanted, uuid.New()); x.Status != http.StatusOK {
			t.Fatalf("%q: %d %v", row.Update.Target.StatusID, x.Status, x.Err)
		}
		route, _ := userstatus.RouteByName(row.Update.Target.Route)
		checkArrived(t, sim, row.Update.Target, route)
		if got, want := row.Update.Target.StatusID, ids[row.Number-1]; got != want {
			t.Errorf("%q became %q", want, got)
		}
		arrived++
	}
	if arrived != len(hostileIDs) || len(refused) != 0 {
		t.Errorf("%d of %d arrived; accepted: %q", arrived, len(hostileIDs), slices.Sorted(maps.Keys(refused)))
	}
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
