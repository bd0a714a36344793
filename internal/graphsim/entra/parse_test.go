package entra

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseScope(t *testing.T) {
	const graph = "https://graph.microsoft.com"
	for text, want := range map[string]scope{
		graph + "/.default":                                 {graph, []string{".default"}},
		graph + "//.default openid profile":                 {graph, []string{".default"}},
		"http://127.0.0.1:8080/.default":                    {"http://127.0.0.1:8080", []string{".default"}},
		graphAppID + "/.default":                            {graphAppID, []string{".default"}},
		"User.Read":                                         {graph, []string{"User.Read"}},
		graph + "/A.Read " + graph + "/B.Read email":        {graph, []string{"A.Read", "B.Read"}},
		"https://example.com/path/.default  offline_access": {"https://example.com/path", []string{".default"}},
	} {
		got, ok := parseScope(text)
		if !ok || got.audience != want.audience || !cmp.Equal(got.names, want.names) {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "openid", "graph/.default", graph + "/", "/.default", "ftp://x/.default", "https://u:p@x/.default",
		graph + "/.default " + graph + "/A", graph + "/A https://example.com/B", "https://x?y/.default", "22222222-2222-4222-8222-222222222222/.default",
	} {
		if got, ok := parseScope(text); ok {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

func FuzzParseScope(f *testing.F) {
	f.Add("https://graph.microsoft.com/.default openid")
	f.Add("a b/c //d")
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := parseScope(text)
		if !ok {
			return
		}
		granted := s.granted(s.names)
		if s.isDefault() {
			granted = nil
		}
		again, ok := parseScope(s.wire(granted))
		if !ok || again.audience != s.audience {
			t.Errorf("%q: %+v does not read back: %+v, %v", text, s, again, ok)
		}
	})
}

func FuzzParseAssertion(f *testing.F) {
	f.Add("a.b.c")
	f.Add(encode([]byte(`{"alg":"PS256","x5t#S256":"eA=="}`)) + "." + encode([]byte(`{"iss":"i","aud":["a"],"exp":1e99,"nbf":-1}`)) + ".c2ln")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAssertion(text)
		if err == nil && strings.Count(text, ".") != 2 {
			t.Errorf("%q was taken as %+v", text, a)
		}
		if a.isSignedBy(rsaCert) {
			t.Errorf("%q is signed by a certificate that signs nothing", text)
		}
	})
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"429": {Kind: "429"}, "hang:first=1": {Kind: "hang", First: 1}, "no-discovery:first=20": {Kind: "no-discovery", First: 20},
	} {
		if got, err := ParseFault(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "418", "429:", "429:2", "429:first=", "429:first=0", "429:first=-1", "429:first=x", "418:first=1"} {
		if got, err := ParseFault(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

// Each kind meets what it concerns and nothing else, and only as often as it was
// told to.
func TestFaultsMeetWhatTheyConcern(t *testing.T) {
	for _, kind := range faultKinds {
		for _, what := range []string{"", bySecret, byCertificate, byFederation, byDevice, byRefresh, "imds", discovery} {
			s := &state{faults: arm([]Fault{{Kind: kind.name, First: 1}})}
			concerned := kind.on == what || kind.on == "" && what != discovery
			if _, hit := s.meet(what); hit != concerned {
				t.Errorf("%s on %q: met %v, want %v", kind.name, what, hit, concerned)
			}
			if _, again := s.meet(what); again {
				t.Errorf("%s on %q: met twice", kind.name, what)
			}
		}
		if kind.act == refuse && (kind.refusal.status == 0 || strings.Contains(kind.refusal.text, "%")) {
			t.Errorf("%s: %+v is not filled in", kind.name, kind.refusal)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{"503", "503:first=2", "503:first=0", "503:first=+2", "teapot", "429-bare:first=99999999999999999999", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fault, err := ParseFault(s)
		if err != nil {
			return
		}
		if _, known := findFaultKind(fault.Kind); !known || fault.First < 0 || fault.First == 0 && s != fault.Kind {
			t.Errorf("%q: got %+v", s, fault)
		}
	})
}
