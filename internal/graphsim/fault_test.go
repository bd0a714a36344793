package graphsim_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"graphpatch/internal/graphsim"
)

func always(kind string) []graphsim.Fault {
	return []graphsim.Fault{{Kind: kind, Rate: 1}}
}

func TestFaultAnswers(t *testing.T) {
	for _, test := range []struct {
		kind       string
		status     int
		code       string
		retryAfter string
		intune     bool // message is JSON in a string
	}{
		{"429", 429, "TooManyRequests", "7", false},
		{"503", 503, "ServiceUnavailable", "7", true},
		{"500", 500, "InternalServerError", "", true},
		{"504", 504, "UnknownError", "", false},
		{"404", 404, "ResourceNotFound", "", true},
		{"403", 403, "Forbidden", "", true},
	} {
		sim := newSim(t, graphsim.Config{Faults: always(test.kind), FaultRetryAfter: "7"})
		w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody)
		e := decode[graphError](t, w.Body)
		if w.Code != test.status || e.Error.Code != test.code || w.Header().Get("Retry-After") != test.retryAfter {
			t.Errorf("%s: %d %+v, Retry-After %q", test.kind, w.Code, e, w.Header().Get("Retry-After"))
		}
		if test.intune {
			inner := decode[map[string]any](t, strings.NewReader(e.Error.Message))
			if inner["_version"] != 3.0 || !strings.Contains(inner["Message"].(string), "Activity ID: "+w.Header().Get("request-id")) {
				t.Errorf("%s: %s", test.kind, e.Error.Message)
			}
		}
		logged := sim.Requests()[0]
		if len(sim.Statuses()) != 0 || logged.Applied || logged.Fault != test.kind || logged.Body != documentedBody || sim.Stats().Faults[test.kind] != 1 {
			t.Errorf("%s: %+v %+v", test.kind, logged, sim.Stats())
		}
	}
}

func TestReset(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: always("reset")})
	server := httptest.NewServer(sim)
	defer server.Close()
	r, err := http.NewRequest("PATCH", server.URL+plainRoute+"/s1", strings.NewReader(documentedBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	answer, err := server.Client().Do(r)
	if err == nil {
		answer.Body.Close()
		t.Fatalf("answered %s", answer.Status)
	}
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	stats := sim.Stats()
	if stats.Unanswered != 1 || len(stats.ByStatus) != 0 || stats.Faults["reset"] != 1 || len(sim.Statuses()) != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestRetryAfterIsSentAsItIs(t *testing.T) {
	for value, want := range map[string]string{"": "1", "none": "", "0.249": "0.249", "0,120": "0,120", "Wed, 21 Oct 2026 07:28:00 GMT": "Wed, 21 Oct 2026 07:28:00 GMT"} {
		sim := newSim(t, graphsim.Config{Faults: always("503"), FaultRetryAfter: value})
		w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody)
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%q: got %q", value, got)
		}
	}
}

// TestSameSeedSameFaults also looks at the share of each kind.
func TestSameSeedSameFaults(t *testing.T) {
	faults := []graphsim.Fault{{Kind: "500", Rate: 0.2}, {Kind: "503", Rate: 0.1}}
	run := func(sim *graphsim.Server) string {
		var kinds strings.Builder
		for range 2000 {
			ask(sim, "GET", plainRoute, "")
		}
		for _, r := range sim.Requests() {
			kinds.WriteString(r.Fault + ".")
		}
		return kinds.String()
	}
	config := graphsim.Config{Faults: faults, Seed: 7, ReadLimit: graphsim.Limit{Requests: 10_000, Window: 1}}
	sim := newSim(t, config)
	first := run(sim)
	n := sim.Stats().Faults
	if n["500"] < 340 || n["500"] > 460 || n["503"] < 140 || n["503"] > 260 {
		t.Errorf("shares of 2000: %v", n)
	}
	if run(newSim(t, config)) != first {
		t.Error("another simulator with this seed does something else")
	}
	sim.Reset()
	if run(sim) != first {
		t.Error("after a reset it does something else")
	}
	config.Seed = 8
	if run(newSim(t, config)) == first {
		t.Error("another seed does the same")
	}
}

func TestPermanentFaultOfOneStatus(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: []graphsim.Fault{{Kind: "404", StatusID: "a/b"}, {Kind: "500", StatusID: "s2"}}})
	for range 3 {
		for path, want := range map[string]int{"/a%2Fb": 404, "/s2": 500, "/S2": 200, "/s22": 200, "/a": 200} {
			if w := ask(sim, "PATCH", plainRoute+path, documentedBody); w.Code != want {
				t.Errorf("%s: %d, want %d", path, w.Code, want)
			}
		}
	}
	if w := ask(sim, "GET", plainRoute, ""); w.Code != http.StatusOK {
		t.Errorf("the collection: %d", w.Code)
	}
}

func TestFaultsComeAfterAuthentication(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: always("500")})
	if w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", ""); w.Code != http.StatusUnauthorized {
		t.Error(w.Code)
	}
	if n := len(sim.Stats().Faults); n != 0 {
		t.Error("counted a fault")
	}
}
