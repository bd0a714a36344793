package graphsim

import (
	"slices"
	"time"
)

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

// sameValues compares what the texts mean: an instant may be written with
// another zone and be the same.
func sameValues(a, b Properties) bool {
	return sameText(a.UserDisplayName, b.UserDisplayName) && sameText(a.UserPrincipalName, b.UserPrincipalName) &&
		a.DevicesCount == b.DevicesCount && a.Status == b.Status && sameInstant(a.LastReportedDateTime, b.LastReportedDateTime)
}

func sameText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// sameInstant takes texts that were found valid, which time.Parse reads all of.
func sameInstant(a, b string) bool {
	at, errA := time.Parse(time.RFC3339Nano, a)
	bt, errB := time.Parse(time.RFC3339Nano, b)
	return a == b || errA == nil && errB == nil && at.Equal(bt)
}
