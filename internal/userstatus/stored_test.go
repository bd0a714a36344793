package userstatus

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is absent, null and empty are three things, also after they were stored.
func TestStored(t *testing.T) {
	empty, name, reported, count := "", "ada", "2026-11-23T10:00:00.1234567+05:30", int32(0)
	for _, c := range []struct {
		stored Stored
		want   string
	}{
		{Stored{Asks: Status, Status: &name}, `"status": "ada"`},
		{Stored{Asks: UserDisplayName}, `"userDisplayName": null`},
		{Stored{Asks: UserPrincipalName, UserPrincipalName: &empty}, `"userPrincipalName": ""`},
		{Stored{Asks: DevicesCount, DevicesCount: &count}, `"devicesCount": 0`},
		{Stored{Asks: LastReportedDateTime, LastReportedDateTime: &reported}, `"lastReportedDateTime": "2026-11-23T10:00:00.1234567+05:30"`},
	} {
		w, err := c.stored.Wanted()
		want := "{\r\n  \"@odata.type\": \"" + ODataType + "\",\r\n  " + c.want + "\r\n}"
		if diff := cmp.Diff(want, string(w.Body())); err != nil || diff != "" {
			t.Errorf("%v: error %v, -want +got\n%s", c.stored.Asks, err, diff)
		}
		if w.Asks() != c.stored.Asks {
			t.Errorf("asks %s, want %s", w.Asks(), c.stored.Asks)
		}
	}
	if _, err := (&Stored{Asks: LastReportedDateTime, LastReportedDateTime: &name}).Wanted(); err == nil {
		t.Error("a date that is none is taken")
	}
}
