package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Exchange is one request and its answer as they went over the wire, with timing.
type Exchange struct {
	Method          string
	URL             string
	RequestBody     []byte
	ClientRequestID uuid.UUID
	token           int64 // number of the token it was sent with, 0: none
	Sent            bool  // false: the request never left, because there was no token, or none in time
	SentAt          time.Time
	Elapsed         time.Duration

	Status  int // 0: there was no answer
	Header  http.Header
	Body    []byte // the first 64 KiB
	BodyCut bool
	Err     error // why there is no answer, or not all of it
}

// Outcome is what an exchange meant.
type Outcome string

// The outcomes of an exchange that changes a status.
const (
	Applied      Outcome = "applied"      // Graph has the wanted values
	Rejected     Outcome = "rejected"     // Graph refuses this update; sending it again would change nothing
	Throttled    Outcome = "throttled"    // too many requests: nobody on the tenant sends for a while
	Unauthorized Outcome = "unauthorized" // the token was refused; the row is not at fault
	Transient    Outcome = "transient"    // a passing fault; it may have been applied all the same
	Contended    Outcome = "contended"    // a conflict that passes on a second try, or never
	Unknown      Outcome = "unknown"      // the answer is not known
)

// Outcome decides on the HTTP status, never on error.code: 429 has been seen with every code there is.
//
// An answer says that the update was applied only when all of it came, and is Graph's: JSON, or nothing at all. A 200 can
// also be the page of a proxy that wants somebody to log in. Sending once more does no harm; an update that was never
// made, and counts as made, does.
func (x Exchange) Outcome() Outcome {
	switch {
	case x.Status != 0:
		return x.doubted(outcomeOfStatus(x))
	case !x.Sent:
		return Unauthorized
	case errors.Is(x.Err, errStopped):
		return Unknown
	}
	return Transient
}

// doubted is an outcome that the status stands for, as far as the rest of the answer bears it out.
func (x Exchange) doubted(o Outcome) Outcome {
	switch {
	case o != Applied:
		return o
	case errors.Is(x.Err, errStopped):
		return Unknown
	case x.Err != nil:
		return Transient
	case !x.isGraphs():
		return Unknown
	}
	return o
}

// isGraphs reports whether the body is what Graph sends: an object, of which more than what is kept may have come, or
// nothing.
func (x Exchange) isGraphs() bool {
	text := bytes.TrimSpace(x.Body)
	return len(text) == 0 || text[0] == '{' && (x.BodyCut || json.Valid(text))
}

// outcomes are the statuses that mean something of their own; see outcomeOfStatus for the rest.
var outcomes = map[int]Outcome{
	http.StatusOK:                      Applied,
	http.StatusNoContent:               Applied,
	http.StatusUnauthorized:            Unauthorized,
	http.StatusRequestTimeout:          Transient,
	http.StatusConflict:                Contended,
	http.StatusPreconditionFailed:      Contended,
	http.StatusLocked:                  Contended,
	http.StatusTooManyRequests:         Throttled,
	http.StatusNotImplemented:          Rejected,
	http.StatusHTTPVersionNotSupported: Rejected,
}

func outcomeOfStatus(x Exchange) Outcome {
	if o, ok := outcomes[x.Status]; ok {
		return o
	}
	switch {
	case x.Status == http.StatusServiceUnavailable:
		// With a time to wait it speaks for the whole tenant; without one, for this request.
		if _, asked := x.RetryAfter(); asked {
			return Throttled
		}
		return Transient
	case x.Status >= 500:
		return Transient
	case x.Status >= 300:
		return Rejected
	}
	// A 2xx (or 1xx) that Graph does not document: nobody knows whether it was applied.
	return Unknown
}

// RequestID is Graph's own id of the exchange, which Microsoft's support asks for.
func (x Exchange) RequestID() string { return x.Header.Get("Request-Id") }

// keptHeaders are worth having in the audit: Microsoft's best practice for support requests, and every hint on
// throttling that any workload of Graph documents.
var keptHeaders = []string{
	"Client-Request-Id", "Content-Length", "Content-Type", "Date", "Location", "RateLimit", "RateLimit-Limit", "RateLimit-Remaining",
	"RateLimit-Reset", "Request-Id", "Retry-After", "Www-Authenticate", "X-Ms-Ags-Diagnostic", "X-Ms-Resource-Unit",
	"X-Ms-Throttle-Information", "X-Ms-Throttle-Limit-Percentage", "X-Ms-Throttle-Scope",
}

// KeptHeaders returns the headers of the answer that are recorded, as "Name: value" lines ending in CRLF.
func (x Exchange) KeptHeaders() []byte {
	b := make([]byte, 0, 1024)
	for _, name := range keptHeaders {
		for _, v := range x.Header.Values(name) {
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, v...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// RetryAfter is how long Graph asks to wait; ok is false when it does not say, or nothing that can be understood.
func (x Exchange) RetryAfter() (wait time.Duration, ok bool) {
	return ParseRetryAfter(x.Header.Values("Retry-After"), x.Header.Get("Date"), x.SentAt.Add(x.Elapsed))
}

// Problem tells a person what went wrong, empty when nothing did: Graph's own words if there are any.
func (x Exchange) Problem() string {
	switch {
	case x.Err != nil && (x.Status == 0 || outcomes[x.Status] == Applied):
		return x.Err.Error()
	case x.Status == 0 || x.Outcome() == Applied:
		return ""
	case outcomes[x.Status] == Applied:
		return x.foreign()
	}
	if problem := readError(x.Body).String(); problem != "" {
		return problem
	}
	if text := http.StatusText(x.Status); text != "" {
		return text
	}
	return fmt.Sprintf("HTTP status %d", x.Status) // 509, for one, has no text
}

// foreign says what stands where Graph's answer should be.
func (x Exchange) foreign() string {
	const problem = "the answer is not Graph's, although it says %d; is there a proxy in between?"
	if page := readError(x.Body).String(); page != "" {
		return fmt.Sprintf(problem+" It says: %s", x.Status, page)
	}
	return fmt.Sprintf(problem, x.Status)
}
