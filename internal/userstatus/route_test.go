package userstatus

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented is Microsoft's list of navigations, copied from its page and not from the table under test.
var documented = []struct{ name, navigation string }{
	{"plain", ""},
	{"root", "/rootCertificate"},
	{"identity", "/identityCertificate"},
	{"identity-root", "/identityCertificate/rootCertificate"},
	{"ios-scep-root", "/microsoft.graph.iosScepCertificateProfile/rootCertificate"},
	{"wp81-vpn-identity", "/microsoft.graph.windowsPhone81VpnConfiguration/identityCertificate"},
	{"macos-wired-root", "/microsoft.graph.macOSWiredNetworkConfiguration/rootCertificateForServerValidation"},
	{"macos-wired-identity", "/microsoft.graph.macOSWiredNetworkConfiguration/identityCertificateForClientAuthentication"},
	{"windows-eap-identity", "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication"},
	{"windows-eap-roots", "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation/{windows81TrustedRootCertificateId}"},
}

func TestRoutesAreMicrosofts(t *testing.T) {
	var got []struct{ name, navigation string }
	for _, r := range Routes() {
		got = append(got, struct{ name, navigation string }{r.Name, r.String()})
	}
	if diff := cmp.Diff(got, documented, cmp.AllowUnexported(struct{ name, navigation string }{})); diff != "" {
		t.Error(diff)
	}
}

func TestRoutesCannotBeChangedFromOutside(t *testing.T) {
	Routes()[0].Name = "changed"
	if _, ok := RouteByName(Plain); !ok {
		t.Error("a caller has renamed the plain route")
	}
}

func TestEveryRouteIsFoundByItsSpellings(t *testing.T) {
	for _, want := range Routes() {
		spellings := []string{want.Name}
		if navigation := want.String(); navigation != "" {
			spellings = append(spellings, navigation, navigation[1:])
		}
		if want.CertificateID {
			bare := want.String()[:len(want.String())-len(certificatePlaceholder)]
			spellings = append(spellings, bare, bare[1:])
		}
		for _, s := range spellings {
			got, err := ParseRoute(s)
			if err != nil {
				t.Errorf("ParseRoute(%q): %v", s, err)
			} else if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("ParseRoute(%q): %s", s, diff)
			}
		}
		if got, ok := RouteByName(want.Name); !ok || !cmp.Equal(got, want) {
			t.Errorf("RouteByName(%q) = %v, %v", want.Name, got, ok)
		}
	}
}

func TestOnlyOneRouteHasAThirdID(t *testing.T) {
	for _, r := range Routes() {
		if got, want := r.CertificateID, r.Name == "windows-eap-roots"; got != want {
			t.Errorf("%s: CertificateID = %v, want %v", r.Name, got, want)
		}
	}
}

func TestParseRouteRefuses(t *testing.T) {
	for in, right := range map[string]string{
		"":                                   "use one of plain, root, identity, identity-root, ios-scep-root, wp81-vpn-identity, macos-wired-root, macos-wired-identity, windows-eap-identity, windows-eap-roots",
		"Root":                               "write root",
		"identity_root":                      "write identity-root",
		"/rootcertificate":                   "write rootCertificate",
		"rootCertificate/":                   "write rootCertificate",
		"//rootCertificate":                  "write rootCertificate",
		"identityCertificaterootCertificate": "write identityCertificate/rootCertificate",
	} {
		_, err := ParseRoute(in)
		want := &ValueError{Value: in, Problem: "is no route of user statuses", Right: right}
		if diff := cmp.Diff(valueError(t, err), want); diff != "" {
			t.Errorf("ParseRoute(%q): %s", in, diff)
		}
	}
}

// A placeholder says that a third id follows: on a route without one it is a mistake, not decoration.
func TestPlaceholderBelongsToOneRoute(t *testing.T) {
	if r, err := ParseRoute("/rootCertificate" + certificatePlaceholder); err == nil {
		t.Errorf("taken for %q", r.Name)
	}
}

func FuzzParseRoute(f *testing.F) {
	for _, d := range documented {
		f.Add(d.name)
		f.Add(d.navigation)
	}
	f.Add("/")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRoute(s)
		if err != nil {
			valueError(t, err)
			return
		}
		if again, err := ParseRoute(r.Name); err != nil || !cmp.Equal(again, r) {
			t.Errorf("ParseRoute(%q) = %q, which is read as %q, %v", s, r.Name, again.Name, err)
		}
	})
}

// valueError fails unless err is what every parser of the package promises.
func valueError(t *testing.T, err error) *ValueError {
	t.Helper()
	v, ok := errors.AsType[*ValueError](err)
	if !ok {
		t.Fatalf("got %v, want a *ValueError", err)
	}
	if v.Problem == "" || v.Right == "" {
		t.Errorf("%v does not say what is wrong and what would be right", v)
	}
	return v
}
