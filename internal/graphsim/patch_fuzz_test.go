package graphsim

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzParsePatch holds whatever is accepted against a second, slower reading of
// the same rules.
func FuzzParsePatch(f *testing.F) {
	for _, seed := range []string{
		`{"@odata.type":"#microsoft.graph.deviceConfigurationUserStatus","userDisplayName":"A","devicesCount":12,"status":"notApplicable","lastReportedDateTime":"2017-01-01T00:00:17.7709231-08:00","userPrincipalName":"a@b"}`,
		`{"id":"s1","devicesCount":-2147483648}`, `{"userDisplayName":null}`, `{"status":"error","status":"error"}`,
		`{"devicesCount":12.0}`, `{"devicesCount":1e1}`, `{"lastReportedDateTime":"2017-02-30T00:00:00Z"}`,
		`{}`, `[]`, `null`, `{"devicesCount":1}{}`, `{"a":{"b":[1,{}]}}`, `{"\u0073tatus":"error"}`, "{\"userDisplayName\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parsePatch(body, "s1")
		if err != nil {
			if !errors.As(err, new(problem)) {
				t.Fatalf("%T is not a problem", err)
			}
			return
		}
		after := newProperties()
		p.apply(&after)
		var named map[string]json.RawMessage
		if err := json.Unmarshal(body, &named); err != nil {
			t.Fatalf("accepted what is not an object: %v", err)
		}
		want := newProperties()
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted what does not fit: %v", err)
		}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Fatal(diff)
		}
		if _, err := time.Parse(time.RFC3339Nano, after.LastReportedDateTime); err != nil {
			t.Fatal(err)
		}
	})
}
