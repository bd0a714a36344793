package graph

import (
	"encoding/base64"
	"net/http"
	"testing"
)

const nbf = `{"access_token":{"nbf":{"essential":true, "value":"1604106651"}}}`

func challenges() map[string][]string {
	std, raw := base64.StdEncoding.EncodeToString([]byte(nbf)), base64.RawURLEncoding.EncodeToString([]byte(nbf))
	return map[string][]string{
		"as documented":       {`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="` + std + `"`},
		"unquoted URL":        {`Bearer realm="", authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, error="insufficient_claims", claims="` + std + `"`},
		"in another order":    {`Bearer claims="` + std + `",error="insufficient_claims",realm=""`},
		"unquoted claims":     {`Bearer error=insufficient_claims, claims=` + std},
		"URL-safe, unpadded":  {`Bearer error="insufficient_claims", claims="` + raw + `"`},
		"in a second header":  {`Bearer realm="", error="invalid_token"`, `Bearer claims="` + std + `"`},
		"a second challenge":  {`Basic realm="a, claims=b", Bearer claims="` + std + `"`},
		"a quote in the text": {`Bearer error_description="say \"claims=\" twice", claims="` + std + `"`},
	}
}

func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	for name, values := range challenges() {
		if got := claimsChallenge(http.Header{"Www-Authenticate": values}); got != nbf {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for _, value := range []string{
		"", "Bearer", `Bearer realm=""`, `Bearer claims=""`, `Bearer claims="%%%"`, `Bearer claims="bm8ganNvbg=="`, `Bearer claims="W10="`,
		`Bearer claims="e30="`, `Bearer claims="bnVsbA=="`, `claims`, `Bearer claims="eyJh`,
	} {
		if got := claimsChallenge(http.Header{"Www-Authenticate": {value}}); got != "" {
			t.Errorf("%q: got %q", value, got)
		}
	}
}

func FuzzClaimsChallenge(f *testing.F) {
	for _, values := range challenges() {
		f.Add(values[0])
	}
	f.Add(`Bearer claims="\`)
	f.Fuzz(func(t *testing.T, value string) {
		claims := claimsChallenge(http.Header{"Www-Authenticate": {value}})
		if again := decodeClaims(base64.StdEncoding.EncodeToString([]byte(claims))); again != claims {
			t.Errorf("%q gives %q, and that %q", value, claims, again)
		}
	})
}

func encodeJWT(payload string) string {
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2lnbmF0dXJl"
}
