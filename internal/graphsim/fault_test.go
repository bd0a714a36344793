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

// TestReset tells a reset from a connection that ends in good order.
func TestReset(t *testing.T) {
	for kind, applied := range map[string]uint64{"reset": 0, "reset-applied": 1} {
		sim := newSim(t, graphsim.Config{Faults: always(kind)})
		server := httptest.NewServer(sim)
		answer, err := server.Client().Do(request(t, "PATCH", server.URL+plainRoute+"/s1", documentedBody))
		if err == nil {
			answer.Body.Close()
			t.Fatalf("%s: answered %s", kind, answer.Status)
		}
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", kind, err)
		}
		server.Close()
		if s := sim.Stats(); s.Unanswered != 1 || len(s.ByStatus) != 0 || s.Faults[kind] != 1 || s.Applied != applied {
			t.Errorf("%s: %+v", kind, s)
		}
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
