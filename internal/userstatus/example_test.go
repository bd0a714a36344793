package userstatus_test

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

func ExampleWanted_Body() {
	var w userstatus.Wanted
	_ = w.Set(userstatus.Status, "compliant")
	_ = w.SetNull(userstatus.UserDisplayName)
	fmt.Println(strings.ReplaceAll(string(w.Body()), "\r", ""))
	// Output:
	// {
	//   "@odata.type": "#microsoft.graph.deviceConfigurationUserStatus",
	//   "userDisplayName": null,
	//   "status": "compliant"
	// }
}

func ExampleParseDateTime() {
	d, _ := userstatus.ParseDateTime("2026-11-23T08:15:00.123456789+01:00")
	fmt.Println(d.Given())
	fmt.Println(d)
	_, err := userstatus.ParseDateTime("2026-11-23T08:15:00")
	fmt.Println(err)
	// Output:
	// 2026-11-23T08:15:00.123456789+01:00
	// 2026-11-23T08:15:00.1234567+01:00
	// "2026-11-23T08:15:00" has no time zone: end it with Z or an offset such as +01:00
}

func ExampleParseComplianceStatus() {
	_, err := userstatus.ParseComplianceStatus("Compliant")
	fmt.Println(err)
	// Output: "Compliant" is no complianceStatus: write compliant
}

func ExampleParseRoute() {
	r, _ := userstatus.ParseRoute("identityCertificate/rootCertificate")
	fmt.Println(r.Name, r)
	// Output: identity-root /identityCertificate/rootCertificate
}

func ExampleTarget_Key() {
	t := userstatus.Target{
		Tenant:          uuid.MustParse("11111111-2222-3333-4444-555555555555"),
		Route:           userstatus.Plain,
		ConfigurationID: "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
		StatusID:        "a0a0a0a0-b1b1-c2c2-d3d3-e4e4e4e4e4e4",
	}
	upper := t
	upper.StatusID = strings.ToUpper(t.StatusID)
	fmt.Println(t.Key() == upper.Key())
	// Output: true
}
