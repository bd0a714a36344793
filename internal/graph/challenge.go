package graph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// claimsChallenge returns the claims that Graph asks a new token to have, as JSON; empty when it asks for none, or for
// nothing that can be understood. Only apps that declare the capability CP1 are asked.
func claimsChallenge(header http.Header) string {
	for _, value := range header.Values("Www-Authenticate") {
		if claims := decodeClaims(authParams(value)["claims"]); claims != "" {
			return claims
		}
	}
	return ""
}

// decodeClaims takes standard and URL-safe base64, padded or not: both have been seen. It returns a JSON object or
// nothing, because anything else would make the login fail before it is tried.
func decodeClaims(encoded string) string {
	encoded = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(encoded, "="))
	decoded, err := base64.RawStdEncoding.DecodeString(encoded)
	var object map[string]json.RawMessage
	if err != nil || json.Unmarshal(decoded, &object) != nil || len(object) == 0 {
		return ""
	}
	return string(decoded)
}

// authParams reads the parameters of a WWW-Authenticate header: in any order, quoted or not (authorization_uri has been
// seen bare), of several challenges in a row. The first of a name counts.
func authParams(s string) map[string]string {
	params := map[string]string{}
	for s != "" {
		end := strings.IndexAny(s, "=, \t")
		if end < 0 {
			break
		}
		name := strings.ToLower(s[:end])
		if s[end] != '=' {
			s = s[end+1:] // a scheme, or space
			continue
		}
		var value string
		value, s = authValue(s[end+1:])
		if _, known := params[name]; name != "" && !known {
			params[name] = value
		}
	}
	return params
}

// authValue takes a value, quoted or up to the next comma or space, and returns what follows it.
func authValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			return s, ""
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
