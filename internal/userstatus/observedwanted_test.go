package userstatus_test

import (
	"strings"
	"testing"

	"graphpatch/internal/userstatus"
)

// What is shown can be asked for again, and then differs in nothing; what nobody can ask for is named.
func TestObservedWanted(t *testing.T) {
	t.Parallel()
	const all = `{"userDisplayName":"Ada","devicesCount":3,"status":"error","lastReportedDateTime":"2017-01-01T00:00:17.7709231-08:00","userPrincipalName":null}`
	o := observed(t, all)
	w, err := o.Wanted(userstatus.AllProperties)
	if err != nil || w.Asks() != userstatus.AllProperties || w.Differs(o) != 0 || o.Shows() != userstatus.AllProperties {
		t.Errorf("got %s and error %v", w.Body(), err)
	}
	if w, err = o.Wanted(userstatus.Status | userstatus.UserPrincipalName); err != nil || w.Asks() != userstatus.Status|userstatus.UserPrincipalName {
		t.Errorf("got %s and error %v", w.Body(), err)
	}
	if o = observed(t, `{"id":"1","status":"error"}`); o.Shows() != userstatus.Status {
		t.Errorf("it shows %s", o.Shows())
	}
	for shown, want := range map[string]string{
		`{"id":"1","status":"error"}`:                     `"devicesCount" is not shown`,
		`{"status":"error","devicesCount":null}`:          "cannot be null",
		`{"status":"brandNew","devicesCount":1}`:          `"brandNew" is no complianceStatus`,
		`{"status":"brandNew","devicesCount":2147483647}`: `"brandNew" is no complianceStatus`,
	} {
		o := observed(t, shown)
		if _, err := o.Wanted(userstatus.Status | userstatus.DevicesCount); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %s", shown, err, want)
		}
	}
}
