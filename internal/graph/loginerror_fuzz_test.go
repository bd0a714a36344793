package graph

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzLoginRefused holds whatever a login service answers to a few lines, in which no secret stands.
func FuzzLoginRefused(f *testing.F) {
	f.Add(401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace ID: 1","error_codes":[7000215]}`)
	f.Add(400, `you sent s3cret-4711`)
	facts := loginFacts{kind: ClientSecret, secrets: []Secret{NewSecret("s3cret-4711")}}
	f.Fuzz(func(t *testing.T, status int, body string) {
		got := facts.explainAnswer(&http.Response{StatusCode: status, Header: http.Header{}}, body, time.Unix(0, 0))
		if got.text == "" || len(got.text) > 4*maxSaid || strings.Contains(got.text, "s3cret-4711") {
			t.Errorf("%d %q: got %q", status, body, got.text)
		}
		if utf8.ValidString(body) && !utf8.ValidString(got.text) {
			t.Errorf("%q: broken text %q", body, got.text)
		}
		if got.definite && (status < 400 || status > 499) {
			t.Errorf("%d is taken for definite", status)
		}
	})
}
