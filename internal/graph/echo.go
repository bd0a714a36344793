package graph

import (
	"bytes"
	"net/http"
	"strings"
)

// shortestToken is less than any real token has. A shorter text, as tests have it, may be a word of any answer.
const shortestToken = 32

// hideEcho takes the request's token out of an answer that repeats it, as gateways do on their error pages: answers are kept
// for good, and read by people who must not act as the app.
func hideEcho(req *http.Request, header http.Header, body []byte) []byte {
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if len(token) < shortestToken {
		return body
	}
	for _, values := range header {
		for i, v := range values {
			values[i] = strings.ReplaceAll(v, token, hidden)
		}
	}
	if !bytes.Contains(body, []byte(token)) {
		return body // not copied
	}
	return bytes.ReplaceAll(body, []byte(token), []byte(hidden))
}
