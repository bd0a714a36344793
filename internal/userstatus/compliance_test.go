package userstatus

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComplianceStatusesAreMicrosofts(t *testing.T) {
	want := []ComplianceStatus{"unknown", "notApplicable", "compliant", "remediated", "nonCompliant", "error", "conflict", "notAssigned"}
	if diff := cmp.Diff(ComplianceStatuses(), want); diff != "" {
		t.Error(diff)
	}
}

func TestParseComplianceStatusAcceptsExactlyTheWords(t *testing.T) {
	for _, want := range ComplianceStatuses() {
		if got, err := ParseComplianceStatus(string(want)); err != nil || got != want {
			t.Errorf("%q: got %q, %v", want, got, err)
		}
		upper := strings.ToUpper(string(want))
		_, err := ParseComplianceStatus(upper)
		refused := &ValueError{Value: upper, Problem: "is no complianceStatus", Right: "write " + string(want)}
		if diff := cmp.Diff(valueError(t, err), refused); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseComplianceStatusRefuses(t *testing.T) {
	const all = "use one of unknown, notApplicable, compliant, remediated, nonCompliant, error, conflict, notAssigned"
	for in, right := range map[string]string{
		"":               all,
		"green":          all,
		"non-compliant":  "write nonCompliant",
		"Not Applicable": "write notApplicable",
		"complaint":      "write compliant",
		"eror":           "write error",
		"err":            all,
	} {
		_, err := ParseComplianceStatus(in)
		want := &ValueError{Value: in, Problem: "is no complianceStatus", Right: right}
		if diff := cmp.Diff(valueError(t, err), want); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseComplianceStatusDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = ParseComplianceStatus("notAssigned") }); n != 0 {
		t.Errorf("%v allocations for each of ten million rows", n)
	}
}

func FuzzParseComplianceStatus(f *testing.F) {
	for _, s := range []string{"compliant", "Compliant", "non-compliant", "not applicable", "erorr", "", "\x00", "kompliant\u212a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseComplianceStatus(s)
		if known := slices.Contains(ComplianceStatuses(), ComplianceStatus(s)); known != (err == nil) || known && string(got) != s {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
		if err == nil {
			return
		}
		right := valueError(t, err).Right
		if near, ok := strings.CutPrefix(right, "write "); ok && !slices.Contains(ComplianceStatuses(), ComplianceStatus(near)) {
			t.Errorf("%q: told to %s", s, right)
		}
	})
}
