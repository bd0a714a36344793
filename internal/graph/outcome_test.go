package graph_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

// special are the statuses with a meaning of their own. Every other one means what its hundred does.
var special = map[int]string{
	200: "applied", 204: "applied",
	401: "unauthorized",
	408: "transient",
	409: "contended", 412: "contended", 423: "contended",
	429: "throttled",
	501: "rejected", 505: "rejected",
}

// hundreds: what Graph does not document as done may or may not have been done; another 3xx or 4xx is a refusal; what
// fails in the service passes.
var hundreds = map[int]string{1: "unknown", 2: "unknown", 3: "rejected", 4: "rejected", 5: "transient"}

// documented are the statuses of Graph's documentation and of what its users report, each with its meaning.
var documented = map[string][]int{
	"applied":      {200, 204},
	"rejected":     {400, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 501, 301, 302, 303, 304, 307, 308},
	"unauthorized": {401},
	"contended":    {409, 412, 423},
	"transient":    {408, 500, 502, 504, 509},
	"throttled":    {429},
}

func TestOutcomeOfEveryStatus(t *testing.T) {
	t.Parallel()
	for status := 100; status < 600; status++ {
		want, ok := special[status]
		if !ok {
			want = hundreds[status/100]
		}
		x := graph.Exchange{Sent: true, Status: status}
		if got := string(x.Outcome()); got != want {
			t.Errorf("%d: got %s, want %s", status, got, want)
		}
		// A wait that was asked for: only 503 changes its meaning.
		x.Header = http.Header{"Retry-After": {"7"}}
		if status == http.StatusServiceUnavailable {
			want = "throttled"
		}
		if got := string(x.Outcome()); got != want {
			t.Errorf("%d with Retry-After: got %s, want %s", status, got, want)
		}
		if problem := x.Problem(); (problem == "") != (want == "applied") {
			t.Errorf("%d: problem %q", status, problem)
		}
		// A body that broke off: no success is certain any more.
		if x.Err = errors.New("broke off"); want == "applied" {
			want = "transient"
		}
		if got := string(x.Outcome()); got != want {
			t.Errorf("%d that broke off: got %s, want %s", status, got, want)
		}
	}
}

// TestSuccessThatIsNone tells what has to come with a 200 for it to be one.
func TestSuccessThatIsNone(t *testing.T) {
	t.Parallel()
	const proxy = "the answer is not Graph's, although it says 200; is there a proxy in between?"
	for name, test := range map[string]struct {
		body    string
		cut     bool
		outcome graph.Outcome
		problem string
	}{
		"nothing":           {"", false, graph.Applied, ""},
		"an object":         {"\r\n {\"id\":\"1\"}\n", false, graph.Applied, ""},
		"much of an object": {`{"id":"1","more":"`, true, graph.Applied, ""},
		"half an object":    {`{"id":"1","more":"`, false, graph.Unknown, proxy},
		"a login page":      {"<html><title>Sign in</title>", false, graph.Unknown, proxy + " It says: Sign in"},
		"a list":            {"[]", false, graph.Unknown, proxy},
		"packed":            {"\x1f\x8b\x08\x00", false, graph.Unknown, proxy},
		"too deep":          {strings.Repeat(`{"a":`, 12_000), false, graph.Unknown, proxy},
	} {
		x := graph.Exchange{Sent: true, Status: 200, Body: []byte(test.body), BodyCut: test.cut}
		if got, want := x.Outcome(), test.outcome; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if got, want := x.Problem(), test.problem; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestOutcomeOfEveryDocumentedStatus(t *testing.T) {
	t.Parallel()
	for want, statuses := range documented {
		for _, status := range statuses {
			if got := string(graph.Exchange{Sent: true, Status: status}.Outcome()); got != want {
				t.Errorf("%d: got %s, want %s", status, got, want)
			}
		}
	}
}

func Test503(t *testing.T) {
	t.Parallel()
	for retryAfter, want := range map[string]string{"": "transient", "soon": "transient", "-1": "transient", "0": "throttled", "0.1": "throttled"} {
		x := graph.Exchange{Sent: true, Status: 503, Header: http.Header{"Retry-After": {retryAfter}}}
		if got := string(x.Outcome()); got != want {
			t.Errorf("Retry-After %q: got %s, want %s", retryAfter, got, want)
		}
	}
}

func TestOutcomeWithoutAnswer(t *testing.T) {
	t.Parallel()
	if got := (graph.Exchange{Err: errors.New("no login")}).Outcome(); got != graph.Unauthorized {
		t.Errorf("never sent: got %s", got)
	}
	if got := (graph.Exchange{Sent: true, Err: errors.New("reset")}).Outcome(); got != graph.Transient {
		t.Errorf("sent, no answer: got %s", got)
	}
}

func ExampleExchange_Outcome() {
	for _, x := range []graph.Exchange{
		{Sent: true, Status: 200},
		{Sent: true, Status: 429, Header: http.Header{"Retry-After": {"2.128"}}},
		{Sent: true, Status: 404, Body: []byte(`{"error":{"code":"ResourceNotFound","message":"The requested resource was not found"}}`)},
	} {
		wait, asked := x.RetryAfter()
		fmt.Printf("%s; %q; wait %s, asked for: %v\n", x.Outcome(), x.Problem(), wait, asked)
	}
	// Output:
	// applied; ""; wait 0s, asked for: false
	// throttled; "Too Many Requests"; wait 2.128s, asked for: true
	// rejected; "ResourceNotFound: The requested resource was not found"; wait 0s, asked for: false
}
