package graphsim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Sizes of what no service sends, each well beyond what a client should take.
const (
	endlessBytes = 64 << 20
	deepLevels   = 100_000
	floodHeaders = 10_000 // of 100 bytes each
	floodHints   = 1_000  // of 300 bytes each
	dripEvery    = time.Second
)

// hostileFaults are what a client meets when what answers is broken, or is
// somebody else.
func hostileFaults() faultGroup {
	return faultGroup{"Hostile, as from something that stands between", []faultKind{
		{name: "endless", help: "500 with 64 MiB of JSON whose length is not told", instead: failing(nil, endlessly)},
		{name: "deep", help: "500 whose JSON is 100,000 levels deep", instead: deepBody},
		{name: "bomb", help: "500 with 64 MiB of blanks, packed with gzip although nobody asked for it", instead: packedBody},
		{name: "flood", help: "500 with 10,000 headers, 1 MB", instead: failing(manyHeaders(), whole)},
		{name: "hints", help: "1,000 times 103 early hints, then 500", instead: failing(nil, hinted)},
		{name: "nul", help: "500 with NUL and broken UTF-8 in its message, the latter in its request-id too", instead: nulBody},
		{name: "login-page", help: "200 with a page of HTML; nothing is carried out", instead: loginPage},
		{name: "308", help: "permanent redirect to " + elsewherePath + " on another host", instead: redirect(http.StatusPermanentRedirect)},
	}}
}

// failing is a 500 with more headers, delivered in another way.
func failing(headers http.Header, how delivery) func(*exchange) answer {
	return func(x *exchange) answer {
		out := x.refusal(serverError())
		for name, values := range headers {
			out.headers[name] = values
		}
		out.delivery = how
		return out
	}
}

func manyHeaders() http.Header {
	h := make(http.Header, floodHeaders)
	for i := range floodHeaders {
		h.Set(fmt.Sprintf("X-Flood-%05d", i), strings.Repeat("x", 85))
	}
	return h
}

func deepBody(x *exchange) answer {
	out := x.refusal(serverError())
	out.body = []byte(strings.Repeat(`{"error":`, deepLevels) + "{}" + strings.Repeat("}", deepLevels))
	return out
}

// bomb is 64 times the same member, which a reader takes for one text. It is
// packed when somebody asks for it.
var bomb = sync.OnceValue(func() []byte {
	const members = 64
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.Copy(w, io.LimitReader(blanks{}, endlessBytes/members))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return bytes.Repeat(packed.Bytes(), members)
})

// blanks is a text of blanks without end.
type blanks struct{}

var manyBlanks = strings.Repeat(" ", 32<<10)

func (blanks) Read(p []byte) (int, error) { return copy(p, manyBlanks), nil }

func packedBody(x *exchange) answer {
	out := x.refusal(serverError())
	out.headers.Set("Content-Encoding", "gzip")
	out.body = bomb()
	return out
}

func nulBody(x *exchange) answer {
	out := x.refusal(serverError())
	out.headers.Set("Request-Id", x.logged.RequestID+"\xff")
	out.body = []byte("{\"error\":{\"code\":\"InternalServerError\",\"message\":\"a\\u0000b\xffc\"}}")
	return out
}

func loginPage(*exchange) answer {
	return answer{
		status: http.StatusOK, headers: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		body: []byte("<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head><body><form></form></body></html>\n"),
	}
}

// pour sends an object that does not end, with nothing to say how long it is.
func pour(w io.Writer) {
	_, _ = io.WriteString(w, `{"error":{"code":"InternalServerError","message":"`)
	_, _ = io.Copy(w, io.LimitReader(blanks{}, endlessBytes)) // the client may leave
}

// drip sends the body a byte at a time.
func (x *exchange) drip(w http.ResponseWriter, body []byte) {
	for i := range body {
		if _, err := w.Write(body[i : i+1]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		if sleep(x.request.Context(), dripEvery) != nil {
			return
		}
	}
}

// hint sends what comes before an answer, again and again.
func hint(w http.ResponseWriter) {
	for range floodHints {
		w.WriteHeader(http.StatusEarlyHints)
	}
}
