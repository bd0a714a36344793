package graphsim_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

// faultKinds are all there are, by what the help says.
func faultKinds() (kinds []string) {
	for line := range strings.Lines(graphsim.FaultHelp()) {
		if kind, indented := strings.CutPrefix(line, "  "); indented {
			kinds = append(kinds, strings.Fields(kind)[0])
		}
	}
	return kinds
}

// met is what a client sees of a fault, and what is left behind.
type met struct {
	Status     int    // 0: no answer
	Code       string // of the OData error
	Message    string // the innermost one, or how it begins
	Nested     int    // how often it was JSON in a string
	RetryAfter []string
	Cut        bool // the body ends before its time
	Stored     bool
	Applied    bool // says the log
}

const (
	later    = "Please retry again later."
	occurred = "An error has occurred"
)

// patchFaults is how each kind that may befall a PATCH shows.
var patchFaults = map[string]met{
	"429":         {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"7"}},
	"429-bare":    {Status: 429, Code: "TooManyRequests", Message: later},
	"429-decimal": {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"0.249"}},
	"429-comma":   {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"0,120"}},
	"429-date":    {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"2s after Date"}},
	"429-past":    {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"-1h0m0s after Date"}},
	"429-garbage": {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"soon"}},
	"429-long":    {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"315"}},
	"429-two":     {Status: 429, Code: "TooManyRequests", Message: later, RetryAfter: []string{"1", "2"}},
	"429-odd":     {Status: 429, Code: "UnknownError", Message: "Too Many Requests", Nested: 2, RetryAfter: []string{"7"}},
	"503":         {Status: 503, Code: "ServiceUnavailable", Message: occurred, Nested: 1, RetryAfter: []string{"7"}},
	"503-bare":    {Status: 503, Code: "ServiceUnavailable", Message: occurred, Nested: 1},

	"408": {Status: 408, Code: "RequestTimeout", Message: "The request timed out."},
	"409": {Status: 409, Code: "Conflict", Message: occurred, Nested: 1},
	"412": {Status: 412, Code: "ConditionNotMet", Message: occurred, Nested: 1},
	"423": {Status: 423, Code: "resourceLocked", Message: "The resource that is being accessed is locked."},
	"500": {Status: 500, Code: "InternalServerError", Message: occurred, Nested: 1},
	"502": {Status: 502, Code: "BadGateway"},
	"504": {Status: 504, Code: "UnknownError"},
	"509": {Status: 509, Code: "activityLimitReached", Message: "The bandwidth limit was exceeded."},

	"403":      {Status: 403, Code: "Forbidden", Message: occurred, Nested: 1},
	"404":      {Status: 404, Code: "ResourceNotFound", Message: occurred, Nested: 1},
	"noop":     {Status: 400, Code: "BadRequest", Message: "Invalid patch, at least 1 property must be changed."},
	"unrouted": {Status: 400, Code: "No method match route template", Message: "No OData route exists", Nested: 1},
	"segment":  {Status: 400, Code: "BadRequest", Message: "Resource not found for the segment 'userStatuses'."},
	"scope": {Status: 403, Code: "Forbidden", Nested: 1, Message: "Application is not authorized to perform this operation. Application must have one of the following scopes: " +
		"DeviceManagementConfiguration.ReadWrite.All - Operation ID (for customer support): "},
	"licence": {Status: 403, Code: "Forbidden", Message: "Request not applicable to target tenant."},
	"expired": {Status: 401, Code: "InvalidAuthenticationToken", Message: "Lifetime validation failed, the token is expired."},
	"claims":  {Status: 401, Code: "InvalidAuthenticationToken", Message: "Continuous access evaluation resulted in challenge"},
	"301":     {Status: 301},
	"307":     {Status: 307},

	"html":            {Status: 502},
	"empty":           {Status: 500},
	"huge":            {Status: 500, Code: "InternalServerError", Message: occurred},
	"nested":          {Status: 500, Code: "InternalServerError", Message: occurred, Nested: 2},
	"truncated-error": {Status: 500},

	"endless":    {Status: 500},
	"deep":       {Status: 500},
	"bomb":       {Status: 500},
	"flood":      {Status: 500, Code: "InternalServerError", Message: occurred, Nested: 1},
	"hints":      {Status: 500, Code: "InternalServerError", Message: occurred, Nested: 1},
	"nul":        {Status: 500, Code: "InternalServerError", Message: "a\x00b\ufffdc"},
	"login-page": {Status: 200},
	"308":        {Status: 308},

	"500-applied":   {Status: 500, Code: "InternalServerError", Message: occurred, Nested: 1, Stored: true, Applied: true},
	"504-applied":   {Status: 504, Code: "UnknownError", Stored: true, Applied: true},
	"reset":         {},
	"hang":          {},
	"reset-applied": {Stored: true, Applied: true},
	"truncated":     {Status: 200, Cut: true, Stored: true, Applied: true},
	"slow-body":     {Status: 200, Stored: true, Applied: true},
	"drip":          {Status: 200, Cut: true, Stored: true, Applied: true},
	"204":           {Status: 204, Stored: true, Applied: true},
	"unstuck":       {Status: 200},
}

// listFaults are the kinds for a GET of a collection; TestListingFaults has them.
var listFaults = []string{"loop-link", "foreign-link", "empty-page", "short-list"}

// TestEveryFaultKind meets each over real HTTP, as a client would.
func TestEveryFaultKind(t *testing.T) {
	for _, kind := range faultKinds() {
		want, known := patchFaults[kind]
		if !known {
			if !slices.Contains(listFaults, kind) {
				t.Errorf("%s is not in the tables of this test", kind)
			}
			continue
		}
		t.Run(kind, func(t *testing.T) {
			sim := newSim(t, graphsim.Config{Faults: []graphsim.Fault{{Kind: kind, Rate: 1}}, FaultRetryAfter: "7", SlowBodyTime: 10 * time.Millisecond})
			server := httptest.NewServer(sim)
			defer server.Close()
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			if kind == "hang" {
				go func() {
					awaitUnanswered(ctx, sim)
					giveUp()
				}()
			}
			got := meet(ctx, t, kind, giveUp, server)
			if want.Message != "" && strings.HasPrefix(got.Message, want.Message) {
				got.Message = want.Message
			}
			got.Stored = len(sim.Statuses()) > 0
			logged := sim.Requests()[0]
			got.Applied = logged.Applied
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if logged.Fault != kind || logged.Status != want.Status || logged.Body != documentedBody || sim.Stats().Faults[kind] != 1 {
				t.Errorf("logged %+v", logged)
			}
			if sent := strings.Join(want.RetryAfter, ", "); logged.RetryAfter != sent && !strings.Contains(sent, "Date") {
				t.Errorf("logged Retry-After %q", logged.RetryAfter)
			}
		})
	}
}

// meet sends one PATCH and describes its answer. Of one that drips it does not wait for the end.
func meet(ctx context.Context, t *testing.T, kind string, giveUp func(), server *httptest.Server) (got met) {
	t.Helper()
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(request(t, "PATCH", server.URL+plainRoute+"/s1", documentedBody).WithContext(ctx))
	if err != nil {
		return got
	}
	defer answer.Body.Close()
	body := io.LimitReader(answer.Body, 8<<20) // of what has no end in sight, enough to see that
	if kind == "drip" {
		body = &leaver{body, giveUp}
	}
	text, err := io.ReadAll(body)
	got.Status, got.Cut = answer.StatusCode, err != nil
	for _, value := range answer.Header.Values("Retry-After") {
		got.RetryAfter = append(got.RetryAfter, relative(value, answer.Header.Get("Date")))
	}
	var e graphError
	if json.Unmarshal(text, &e) == nil {
		got.Code = e.Error.Code
		got.Message, got.Nested = unwrap(e.Error.Message)
		if got.Nested > 0 && !strings.Contains(got.Message, "Activity ID: "+answer.Header.Get("request-id")) {
			t.Errorf("no activity id in %s", got.Message)
		}
	}
	return got
}

// leaver gives up after the first byte.
type leaver struct {
	io.Reader
	giveUp func()
}

func (l *leaver) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p[:1])
	if n > 0 {
		l.giveUp()
	}
	return n, err
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}}
	return r
}

// relative says of a date how far it is from another.
func relative(value, date string) string {
	at, err := http.ParseTime(value)
	from, fromErr := http.ParseTime(date)
	if err != nil || fromErr != nil {
		return value
	}
	return at.Sub(from).String() + " after Date"
}

func unwrap(message string) (text string, nested int) {
	for {
		var inner struct{ Message string }
		if json.Unmarshal([]byte(message), &inner) != nil {
			return message, nested
		}
		message = inner.Message
		nested++
	}
}

// answerTo is the answer to a PATCH that meets the fault, with its body.
func answerTo(t *testing.T, kind string) (*httptest.ResponseRecorder, *graphsim.Server) {
	t.Helper()
	sim := newSim(t, graphsim.Config{Faults: always(kind)})
	return ask(sim, "PATCH", "http://127.0.0.1:99"+plainRoute+"/s1", documentedBody), sim
}

func TestOddBodies(t *testing.T) {
	for kind, want := range map[string]struct{ contentType, begins, ends string }{
		"html":            {"text/html; charset=utf-8", "<!DOCTYPE html>", "</html>\r\n"},
		"empty":           {"", "", ""},
		"huge":            {"application/json", `{"error":`, "}}}"},
		"truncated-error": {"application/json", `{"error":`, ""},
		"204":             {"", "", ""},
		"301":             {"", "", ""},
	} {
		w, _ := answerTo(t, kind)
		body := w.Body.String()
		if w.Header().Get("Content-Type") != want.contentType || !strings.HasPrefix(body, want.begins) || !strings.HasSuffix(body, want.ends) || want.begins == "" && body != "" {
			t.Errorf("%s: %v, %.100q", kind, w.Header(), body)
		}
		if kind == "huge" && len(body) < 5<<20 || kind == "truncated-error" && json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d bytes", kind, len(body))
		}
	}
}

// TestUnstuck shows that the answer is the one that would have been right.
func TestUnstuck(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: []graphsim.Fault{{Kind: "unstuck", After: 1}}})
	ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`)
	if w := ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":2}`); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"devicesCount":2`) {
		t.Error(w.Code, w.Body)
	}
	if w := ask(sim, "GET", plainRoute+"/s1", ""); !strings.Contains(w.Body.String(), `"devicesCount":1`) {
		t.Error("it stuck:", w.Body)
	}
}

// TestNothingToSpoil sends what would be refused anyway.
func TestNothingToSpoil(t *testing.T) {
	for _, kind := range []string{"504-applied", "reset-applied", "204", "unstuck"} {
		sim := newSim(t, graphsim.Config{Faults: always(kind)})
		w := ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":"x"}`)
		if logged := sim.Requests()[0]; w.Code != http.StatusBadRequest || logged.Fault != "" || logged.Applied {
			t.Errorf("%s: %d, %+v", kind, w.Code, logged)
		}
	}
}

func TestClaimsChallenge(t *testing.T) {
	w, _ := answerTo(t, "claims")
	challenges := w.Header().Values("WWW-Authenticate")
	if len(challenges) != 2 || !strings.Contains(challenges[1], `error="insufficient_claims"`) || !strings.Contains(challenges[1], "authorization_uri=https://") {
		t.Fatalf("%q", challenges)
	}
	encoded := regexp.MustCompile(`claims="([^"]+)"`).FindStringSubmatch(challenges[1])[1]
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || string(decoded) != graphsim.Claims || !json.Valid(decoded) {
		t.Errorf("%s, %v", decoded, err)
	}
}

// TestElsewhere follows a redirect with and without the token.
func TestElsewhere(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: always("307")})
	server := httptest.NewServer(sim)
	defer server.Close()
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(request(t, "GET", server.URL+plainRoute, ""))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	location := answer.Header.Get("Location")
	if want := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/_sim/elsewhere"; location != want {
		t.Fatalf("got %s, want %s", location, want)
	}
	for _, headers := range [][]string{{}, {"Authorization", ""}} {
		if w := ask(sim, "GET", location, "", headers...); w.Code != http.StatusOK {
			t.Error(w.Code)
		}
	}
	if s := sim.Stats(); s.Elsewhere != 2 || s.ElsewhereWithToken != 1 || s.Requests != 1 {
		t.Errorf("%+v", s)
	}
	w := ask(sim, "GET", "http://localhost:99"+plainRoute, "")
	if got := w.Header().Get("Location"); got != "http://127.0.0.1:99/_sim/elsewhere" {
		t.Error(got)
	}
}
