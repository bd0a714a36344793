package ledger

import (
	"strings"
	"testing"
)

func TestDescribeCauses(t *testing.T) {
	causes := []cause{{700, 403, "Forbidden"}, {200, 404, strings.Repeat("ä", 200)}, {60, 400, "BadRequest"}, {30, 0, "EOF"}, {10, 409, ""}}
	want := "of the last 1,000: 700 × 403 Forbidden; 200 × 404 " + strings.Repeat("ä", causeLength) + "…; 60 × 400 BadRequest; 40 for other causes"
	if got := describe(causes, 5000); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := describe(causes[4:], 10); got != "10 × 409" {
		t.Errorf("got %s", got)
	}
}

// What differs from row to row is taken out of a failure's text, and nothing else.
func TestFailureCause(t *testing.T) {
	k := newKit(t)
	for text, want := range map[string]string{
		"Forbidden: Application must have one of the following scopes: A.B.All":                              "Forbidden: Application must have one of the following scopes: A.B.All",
		"Operation ID: 00000000-0000-0000-0000-000000000000 - Activity ID: 0DC41A7A6ECD4C5B9A5B3D2C8A3A1C11": "Operation ID: … - Activity ID: …",
		"0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c11_0dc41a7a-6ecd-4c5b-9a5b-3d2c8a3a1c12 is gone":                  "…_… is gone",
		"at 2026-11-23T10:00:00.1234567Z, and 2026-11-23 10:00:00+01:00, on 2026-11-23":                      "at …, and …, on …",
		"user ada.l@contoso.onmicrosoft.com (x@y.de) is unknown":                                             "user … (…) is unknown",
		"read tcp 127.0.0.1:53412->127.0.0.1:8080: connection reset by peer":                                 "read tcp 127.0.0.1:…->127.0.0.1:…: connection reset by peer",
		"HTTP status 509, line 12, property 'status', value 42":                                              "HTTP status 509, line 12, property 'status', value 42",
		"trace deadbeefdeadbeef01, ticket 12345678":                                                          "trace …, ticket …",
	} {
		var got string
		if err := k.pool.QueryRow(t.Context(), `SELECT failure_cause($1)`, text).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}
