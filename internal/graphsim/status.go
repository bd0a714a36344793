package graphsim

import "slices"

// Status is one deviceConfigurationUserStatus and where it lives.
type Status struct {
	Configuration string     `json:"configuration"`
	Navigation    string     `json:"navigation"`    // "" or as in the URL, "/rootCertificate"
	CertificateID string     `json:"certificateId"` // only below rootCertificatesForServerValidation
	ID            string     `json:"id"`
	Properties    Properties `json:"properties"`
}

// Properties are the five a PATCH can change. The two names may be null.
type Properties struct {
	UserDisplayName      *string `json:"userDisplayName"`
	DevicesCount         int32   `json:"devicesCount"`
	Status               string  `json:"status"`               // one of the eight values of complianceStatus
	LastReportedDateTime string  `json:"lastReportedDateTime"` // text as it was sent
	UserPrincipalName    *string `json:"userPrincipalName"`
}

const (
	odataType = "#microsoft.graph.deviceConfigurationUserStatus"

	// neverReported is .NET's smallest DateTimeOffset, Graph's word for never.
	neverReported = "0001-01-01T00:00:00Z"
)

func newProperties() Properties {
	return Properties{Status: "unknown", LastReportedDateTime: neverReported}
}

// complianceStatuses are the members of the enumeration, case-sensitive.
var complianceStatuses = []string{
	"unknown", "notApplicable", "compliant", "remediated", "nonCompliant", "error", "conflict", "notAssigned",
}

func validComplianceStatus(text string) bool {
	return slices.Contains(complianceStatuses, text)
}
