package userstatus_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"graphpatch/internal/userstatus"
)

func observed(t *testing.T, text string) userstatus.Observed {
	t.Helper()
	var o userstatus.Observed
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// Field by field: what is wanted against what Graph shows.
func TestDiffers(t *testing.T) {
	t.Parallel()
	set := func(p userstatus.Properties, text string) (w userstatus.Wanted) {
		if err := w.Set(p, text); err != nil {
			t.Fatal(err)
		}
		return w
	}
	null := func(p userstatus.Properties) (w userstatus.Wanted) {
		if err := w.SetNull(p); err != nil {
			t.Fatal(err)
		}
		return w
	}
	for _, c := range []struct {
		name  string
		want  userstatus.Wanted
		shown string
		same  bool
		says  string
	}{
		{"nothing is wanted", userstatus.Wanted{}, `{"id":"1"}`, true, ""},
		{"same text", set(userstatus.UserDisplayName, "Ada"), `{"userDisplayName":"Ada"}`, true, ""},
		{"text of another case", set(userstatus.UserDisplayName, "Ada"), `{"userDisplayName":"ada"}`, false, `userDisplayName is "ada", not "Ada"`},
		{"empty is not null", set(userstatus.UserPrincipalName, ""), `{"userPrincipalName":null}`, false, `userPrincipalName is null, not ""`},
		{"null is not empty", null(userstatus.UserPrincipalName), `{"userPrincipalName":""}`, false, `userPrincipalName is "", not null`},
		{"null", null(userstatus.UserDisplayName), `{"userDisplayName":null}`, true, ""},
		{"not shown is nothing", null(userstatus.UserDisplayName), `{"id":"1"}`, false, `userDisplayName is not shown, not null`},
		{"a number", set(userstatus.DevicesCount, "12"), `{"devicesCount":12}`, true, ""},
		{"a number with a fraction of nothing", set(userstatus.DevicesCount, "12"), `{"devicesCount":12.0}`, true, ""},
		{"another number", set(userstatus.DevicesCount, "12"), `{"devicesCount":-3}`, false, "devicesCount is -3, not 12"},
		{"status", set(userstatus.Status, "compliant"), `{"status":"compliant"}`, true, ""},
		{"a status that came later", set(userstatus.Status, "compliant"), `{"status":"brandNew"}`, false, `status is "brandNew", not "compliant"`},
		{"one instant, two offsets", set(userstatus.LastReportedDateTime, "2017-01-01T00:00:17.7709231-08:00"), `{"lastReportedDateTime":"2017-01-01T08:00:17.7709231Z"}`, true, ""},
		{"cut to what Graph keeps", set(userstatus.LastReportedDateTime, "2017-01-01T00:00:17.77092319Z"), `{"lastReportedDateTime":"2017-01-01T00:00:17.7709231Z"}`, true, ""},
		{
			"a second later", set(userstatus.LastReportedDateTime, "2017-01-01T00:00:17Z"), `{"lastReportedDateTime":"2017-01-01T00:00:18Z"}`, false,
			`lastReportedDateTime is "2017-01-01T00:00:18Z", not "2017-01-01T00:00:17Z"`,
		},
		{"no date at all", set(userstatus.LastReportedDateTime, "2017-01-01T00:00:17Z"), `{"lastReportedDateTime":"yesterday"}`, false, `lastReportedDateTime is "yesterday", not "2017-01-01T00:00:17Z"`},
		{"what is not wanted does not count", set(userstatus.Status, "error"), `{"status":"error","devicesCount":7,"new":{"a":[1]}}`, true, ""},
	} {
		o := observed(t, c.shown)
		differ := c.want.Differs(o)
		if (differ == 0) != c.same || c.want.Describe(differ, o) != c.says {
			t.Errorf("%s: differs in %q: %s", c.name, differ, c.want.Describe(differ, o))
		}
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, now, want string
	}{
		{`{"status":"error"}`, `{"status":"error","devicesCount":1}`, "devicesCount"},
		{`{"userDisplayName":null}`, `{"userDisplayName":""}`, "userDisplayName"},
		{`{"userPrincipalName":null}`, `{"userPrincipalName":null}`, ""},
		{`{"lastReportedDateTime":"2026-11-23T08:15:00Z"}`, `{"lastReportedDateTime":"2026-11-23T09:15:00.0000000+01:00"}`, ""},
		{`{"lastReportedDateTime":"2026-11-23T08:15:00Z"}`, `{"lastReportedDateTime":"2026-11-23T08:15:01Z"}`, "lastReportedDateTime"},
		{`{"lastReportedDateTime":"some day"}`, `{"lastReportedDateTime":"some day"}`, ""},
		{`{"status":"error","devicesCount":1}`, `{"status":"Error","devicesCount":2}`, "devicesCount, status"},
	} {
		before, now := observed(t, test.before), observed(t, test.now)
		if got := now.Since(before, userstatus.AllProperties); got.String() != test.want {
			t.Errorf("%s → %s: got %s", test.before, test.now, got)
		}
		if now.Since(before, 0) != 0 {
			t.Errorf("%s → %s: nothing was asked about", test.before, test.now)
		}
	}
}

// Microsoft's example of an answer.
func TestObservedOfTheExample(t *testing.T) {
	t.Parallel()
	o := observed(t, `{
  "@odata.type": "#microsoft.graph.deviceConfigurationUserStatus",
  "id": "ab6f6f5b-6f5b-ab6f-5b6f-6fab5b6f6fab",
  "userDisplayName": "User Display Name value",
  "devicesCount": 12,
  "status": "notApplicable",
  "lastReportedDateTime": "2017-01-01T00:00:17.7709231-08:00",
  "userPrincipalName": "User Principal Name value"
}`)
	if o.ID != "ab6f6f5b-6f5b-ab6f-5b6f-6fab5b6f6fab" {
		t.Errorf("got %+v", o)
	}
	var w userstatus.Wanted
	for p, text := range map[userstatus.Properties]string{
		userstatus.UserDisplayName: "User Display Name value", userstatus.DevicesCount: "12", userstatus.Status: "notApplicable",
		userstatus.LastReportedDateTime: "2017-01-01T00:00:17.7709231-08:00", userstatus.UserPrincipalName: "User Principal Name value",
	} {
		if err := w.Set(p, text); err != nil {
			t.Fatal(err)
		}
	}
	if differ := w.Differs(o); differ != 0 {
		t.Errorf("differs in %s", differ)
	}
}

func TestWhatIsNoStatus(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `[]`, `{}`, `"status"`, `{"value":[]}`, `{"error":{"code":"x"}}`, `{"devicesCount":12.5}`, `{"devicesCount":"12"}`,
		`{"devicesCount":3000000000}`, `{"status":7}`, `{"id":{}}`,
	} {
		var o userstatus.Observed
		if err := json.Unmarshal([]byte(text), &o); !errors.Is(err, userstatus.ErrNoStatus) {
			t.Errorf("%s: got %v, %+v", text, err, o)
		}
	}
}

// FuzzObserved writes what was read as JSON again, with the documented names: it reads the same.
func FuzzObserved(f *testing.F) {
	f.Add(`{"id":"1","devicesCount":12.0,"status":"x","lastReportedDateTime":null}`)
	f.Add(`{"ID":"1","DEVICESCOUNT":-0,"userDisplayName":"\ud800","userPrincipalName":"\u0000"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var o, again userstatus.Observed
		if json.Unmarshal([]byte(text), &o) != nil {
			if o != (userstatus.Observed{}) {
				t.Errorf("%q is refused, and leaves %+v", text, o)
			}
			return
		}
		members := map[string]any{"id": o.ID}
		write(members, "userDisplayName", o.UserDisplayName)
		write(members, "devicesCount", o.DevicesCount)
		write(members, "status", o.Status)
		write(members, "lastReportedDateTime", o.LastReported)
		write(members, "userPrincipalName", o.UserPrincipalName)
		written, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written, &again); err != nil || again != o {
			t.Errorf("%q is %+v, and that as %s is %+v, %v", text, o, written, again, err)
		}
		if told := (userstatus.Wanted{}).Describe(userstatus.AllProperties, o); strings.ContainsAny(told, "\n\r\x00\x1b") {
			t.Errorf("%q is described as %q", text, told)
		}
	})
}

func write[T any](members map[string]any, name string, v userstatus.Value[T]) {
	if !v.Absent() {
		members[name] = v.Ptr()
	}
}
