package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/userstatus"
)

// documentedBody is the body of Microsoft's example, whose Content-Length is 290.
var documentedBody = strings.Join([]string{
	`{`,
	`  "@odata.type": "#microsoft.graph.deviceConfigurationUserStatus",`,
	`  "userDisplayName": "User Display Name value",`,
	`  "devicesCount": 12,`,
	`  "status": "notApplicable",`,
	`  "lastReportedDateTime": "2017-01-01T00:00:17.7709231-08:00",`,
	`  "userPrincipalName": "User Principal Name value"`,
	`}`,
}, "\r\n")

func TestPatchIsMicrosoftsExample(t *testing.T) {
	t.Parallel()
	var header http.Header
	var body []byte
	var method, host string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		method, host, header = r.Method, r.Host, r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	id := uuid.New()
	x := newClient(t, configFor(server.URL)).Patch(t.Context(), plain(), wanted(t), id)
	if x.Status != http.StatusNoContent || x.Err != nil {
		t.Fatalf("%d %v", x.Status, x.Err)
	}
	if got, want := method+" "+host, "PATCH "+strings.TrimPrefix(server.URL, "http://"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want := http.Header{
		"Authorization":     {"Bearer opaque-token-4711"},
		"Accept":            {"application/json"},
		"Content-Type":      {"application/json"},
		"Content-Length":    {"290"},
		"Client-Request-Id": {id.String()},
		"User-Agent":        {"graphpatch/test"},
	}
	if diff := cmp.Diff(header, want); diff != "" {
		t.Errorf("headers (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(string(body), documentedBody); diff != "" {
		t.Errorf("body (-got +want):\n%s", diff)
	}
	if got, want := string(x.RequestBody), documentedBody; got != want {
		t.Errorf("the exchange has the body %q, want %q", got, want)
	}
}

func TestPatchIsAcceptedAndDescribed(t *testing.T) {
	t.Parallel()
	sim, client := newSim(t, graphsim.Config{Tokens: []string{token}})
	id := uuid.New()
	before := time.Now()
	x := client.Patch(t.Context(), plain(), wanted(t), id)
	after := time.Now()

	if x.Outcome() != "applied" || x.Problem() != "" || !x.Sent || x.BodyCut {
		t.Fatalf("%s %q %s", x.Outcome(), x.Problem(), x.Body)
	}
	if x.Method != "PATCH" || x.ClientRequestID != id || x.RequestID() != sim.Requests()[0].RequestID {
		t.Errorf("%s, client-request-id %s, request-id %s", x.Method, x.ClientRequestID, x.RequestID())
	}
	if got := x.Header.Get("client-request-id"); got != id.String() || sim.Requests()[0].ClientRequestID != got {
		t.Errorf("client-request-id: echoed %s, arrived %s, want %s", got, sim.Requests()[0].ClientRequestID, id)
	}
	if x.SentAt.Before(before) || x.Elapsed <= 0 || x.SentAt.Add(x.Elapsed).After(after) {
		t.Errorf("sent at %s and took %s, outside of %s to %s", x.SentAt, x.Elapsed, before, after)
	}
	var answer struct{ ID, Status string }
	if err := json.Unmarshal(x.Body, &answer); err != nil || answer.ID != status || answer.Status != "notApplicable" {
		t.Errorf("%v: %s", err, x.Body)
	}
}

func TestOnlyWhatIsWantedIsSent(t *testing.T) {
	t.Parallel()
	sim, client := newSim(t, graphsim.Config{})
	var w userstatus.Wanted
	if err := w.Set(userstatus.Status, "compliant"); err != nil {
		t.Fatal(err)
	}
	client.Patch(t.Context(), plain(), w, uuid.New())
	want := "{\r\n  \"@odata.type\": \"#microsoft.graph.deviceConfigurationUserStatus\",\r\n  \"status\": \"compliant\"\r\n}"
	if got := sim.Requests()[0].Body; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSimulatedFaults tells what each failure of the simulator means.
func TestSimulatedFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, retryAfter, outcome string
		status                    int
	}{
		{"429", "315", "throttled", 429},
		{"429", "none", "throttled", 429},
		{"503", "0.249", "throttled", 503},
		{"503", "none", "transient", 503},
		{"500", "none", "transient", 500},
		{"504", "none", "transient", 504},
		{"reset", "none", "transient", 0},
		{"404", "none", "rejected", 404},
		{"403", "none", "rejected", 403},
	} {
		t.Run(test.kind+" "+test.retryAfter, func(t *testing.T) {
			t.Parallel()
			_, client := newSim(t, graphsim.Config{Faults: []graphsim.Fault{{Kind: test.kind, Rate: 1}}, FaultRetryAfter: test.retryAfter})
			x := patch(t, client)
			if string(x.Outcome()) != test.outcome || x.Status != test.status || x.Problem() == "" {
				t.Errorf("got %s %d %q, want %s %d", x.Outcome(), x.Status, x.Problem(), test.outcome, test.status)
			}
		})
	}
}

func ExampleClient_Patch() {
	sim, err := graphsim.New(graphsim.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	client, err := graph.New(graph.Config{
		Root: server.URL, Version: "beta", Timeout: graph.MaxTimeout, UserAgent: "example/1", Connections: 1,
		Tokens: graph.StaticToken("token"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	var wanted userstatus.Wanted
	_ = wanted.Set(userstatus.Status, "compliant")
	target := userstatus.Target{Route: "plain", ConfigurationID: "0f1e2d3c", StatusID: "a0a0a0a0/b1"}
	x := client.Patch(context.Background(), target, wanted, uuid.New())
	fmt.Println(x.Method, strings.TrimPrefix(x.URL, server.URL))
	fmt.Println(x.Status, x.Outcome())
	// Output:
	// PATCH /beta/deviceManagement/deviceConfigurations/0f1e2d3c/userStatuses/a0a0a0a0%2Fb1
	// 200 applied
}
