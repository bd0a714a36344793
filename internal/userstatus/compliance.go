package userstatus

import "strings"

// ComplianceStatus is Graph's enumeration complianceStatus. Its words are case-sensitive.
type ComplianceStatus string

// The eight values of complianceStatus, in the order of Microsoft's documentation.
const (
	Unknown       ComplianceStatus = "unknown"
	NotApplicable ComplianceStatus = "notApplicable"
	Compliant     ComplianceStatus = "compliant"
	Remediated    ComplianceStatus = "remediated"
	NonCompliant  ComplianceStatus = "nonCompliant"
	Error         ComplianceStatus = "error"
	Conflict      ComplianceStatus = "conflict"
	NotAssigned   ComplianceStatus = "notAssigned"
)

// ComplianceStatuses lists every value of complianceStatus.
func ComplianceStatuses() []ComplianceStatus {
	return []ComplianceStatus{Unknown, NotApplicable, Compliant, Remediated, NonCompliant, Error, Conflict, NotAssigned}
}

// ParseComplianceStatus accepts exactly the eight words. The error is a *ValueError that names the near miss, or
// all eight.
func ParseComplianceStatus(s string) (ComplianceStatus, error) {
	switch c := ComplianceStatus(s); c {
	case Unknown, NotApplicable, Compliant, Remediated, NonCompliant, Error, Conflict, NotAssigned:
		return c, nil
	}
	words := make([]string, 0, 8)
	for _, c := range ComplianceStatuses() {
		words = append(words, string(c))
	}
	right := "use one of " + strings.Join(words, ", ")
	if near, ok := Suggest(s, words); ok {
		right = "write " + near
	}
	return "", &ValueError{Value: s, Problem: "is no complianceStatus", Right: right}
}
