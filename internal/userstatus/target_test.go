package userstatus

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var contoso = uuid.MustParse("11111111-2222-3333-4444-555555555555")

func TestKeyNeverChanges(t *testing.T) {
	for want, target := range map[string]Target{
		"a641d190-9019-c65e-b860-69a1594fc024": {contoso, Plain, "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "", "a0a0a0a0-b1b1-c2c2-d3d3-e4e4e4e4e4e4"},
		"e292f6c9-dac7-97af-bb6f-c0b959da5485": {contoso, "windows-eap-roots", "c", "r", "s"},
	} {
		if got := target.Key().String(); got != want {
			t.Errorf("%+v: got %s, want %s: keys are stored, they must stay what they are", target, got, want)
		}
	}
}

func TestKeyFoldsOnlyGUIDs(t *testing.T) {
	const guid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	upper := strings.ToUpper(guid)
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"a GUID":             {guid, upper, true},
		"two GUIDs":          {guid + "_" + upper, upper + "_" + guid, true},
		"a GUID in words":    {"user-" + guid + "-x", "user-" + upper + "-x", true},
		"the words about it": {"user-" + guid, "USER-" + guid, false},
		"no GUID":            {"abc", "ABC", false},
		"nearly a GUID":      {guid[1:], upper[1:], false},
		"hyphens misplaced":  {"0f1e2d3c4-b5a-6978-8796-a5b4c3d2e1f0", "0F1E2D3C4-B5A-6978-8796-A5B4C3D2E1F0", false},
	} {
		same := Target{contoso, Plain, "c", "", c.a}.Key() == Target{contoso, Plain, "c", "", c.b}.Key()
		inConfiguration := Target{contoso, Plain, c.a, "", "s"}.Key() == Target{contoso, Plain, c.b, "", "s"}.Key()
		if same != c.same || inConfiguration != c.same {
			t.Errorf("%s: as status %v, as configuration %v, want %v", name, same, inConfiguration, c.same)
		}
	}
}

func TestEveryPartOfATargetCounts(t *testing.T) {
	base := Target{contoso, "windows-eap-roots", "a", "b", "c"}
	seen := map[Key]Target{base.Key(): base}
	for _, other := range []Target{
		{uuid.UUID{}, "windows-eap-roots", "a", "b", "c"},
		{contoso, "plain", "a", "b", "c"},
		{contoso, "windows-eap-roots", "ab", "", "c"},
		{contoso, "windows-eap-roots", "a", "", "bc"},
		{contoso, "windows-eap-roots", "a", "bc", ""},
		{contoso, "windows-eap-roots", "b", "a", "c"},
		{contoso, "windows-eap-roots", "a", "b", "C"},
	} {
		if twin, ok := seen[other.Key()]; ok {
			t.Errorf("%+v and %+v have one key", other, twin)
		}
		seen[other.Key()] = other
	}
}

func FuzzDistinctTargetsNeverShareAKey(f *testing.F) {
	const guid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	f.Add(uint8(0), "a", "", "bc", uint8(0), "ab", "", "c")
	f.Add(uint8(9), "a", "b", "c", uint8(9), "a", "bc", "c")
	f.Add(uint8(0), guid, "", strings.ToUpper(guid), uint8(0), strings.ToUpper(guid), "", guid)
	f.Add(uint8(1), "K", "", "s", uint8(1), "\u212a", "", "s") // the Kelvin sign folds to k elsewhere
	f.Fuzz(func(t *testing.T, routeA uint8, configurationA, certificateA, statusA string, routeB uint8, configurationB, certificateB, statusB string) {
		a := Target{contoso, routes[int(routeA)%len(routes)].Name, configurationA, certificateA, statusA}
		b := Target{contoso, routes[int(routeB)%len(routes)].Name, configurationB, certificateB, statusB}
		if !possible(a) || !possible(b) {
			t.Skip("refused before it is a target")
		}
		if same := folded(a) == folded(b); same != (a.Key() == b.Key()) {
			t.Errorf("%+v and %+v: the same status %v, the same key %v", a, b, same, a.Key() == b.Key())
		}
	})
}

func possible(t Target) bool {
	_, err := ParseID(t.ConfigurationID)
	_, err2 := ParseID(t.StatusID)
	_, err3 := ParseID(t.CertificateID)
	return err == nil && err2 == nil && (err3 == nil || t.CertificateID == "")
}

// folded is the target with its GUIDs in lower case, found in another way than Key does.
func folded(t Target) Target {
	for _, id := range []*string{&t.ConfigurationID, &t.CertificateID, &t.StatusID} {
		for i := 0; i+36 <= len(*id); i++ {
			if window := (*id)[i : i+36]; uuid.Validate(window) == nil {
				*id = (*id)[:i] + strings.ToLower(window) + (*id)[i+36:]
				i += 35
			}
		}
	}
	return t
}

func TestParseIDAccepts(t *testing.T) {
	for _, in := range []string{
		"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "a_b-c", "a b", "a/b?c#d%20", "...", "a$", "ümlaut", strings.Repeat("x", 256),
	} {
		if got, err := ParseID(in); err != nil || got != in {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	for in, problem := range map[string]string{
		"":                       "is an empty id",
		".":                      "is a path step, not an id",
		"..":                     "is a path step, not an id",
		"$count":                 "begins with a dollar sign",
		"a\x00b":                 "holds a control character",
		"a\nb":                   "holds a control character",
		"a\x7fb":                 "holds a control character",
		"a\u0085b":               "holds a control character",
		"a\ufeff":                "holds an invisible character",
		"\u202ea":                "holds an invisible character",
		"a\u200db":               "holds an invisible character",
		"a\u2028":                "holds an invisible character",
		" a":                     "begins or ends with white space",
		"a\u00a0":                "begins or ends with white space",
		"a\xff":                  "is not valid UTF-8",
		strings.Repeat("x", 257): "is longer than 256 bytes",
		strings.Repeat("ä", 129): "is longer than 256 bytes",
	} {
		_, err := ParseID(in)
		got := valueError(t, err)
		if diff := cmp.Diff([]string{got.Value, got.Problem}, []string{in, problem}); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"", ".", "..", "$x", "a", " a", "a\x00", "\xff", strings.Repeat("x", 257)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			valueError(t, err)
			return
		}
		if id != s || len(id) == 0 || len(id) > 256 || strings.ContainsRune(id, 0) || strings.Trim(id, ".") == "" && len(id) < 3 {
			t.Errorf("ParseID(%q) = %q", s, id)
		}
	})
}
