package graphsim_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

// TestThrottling tells a story on a clock that stands still until it is told
// to move.
func TestThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{WriteLimit: graphsim.Limit{Requests: 2, Window: 20 * time.Second}})
		patch := func() (int, string) {
			w := ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`)
			return w.Code, w.Header().Get("Retry-After")
		}
		for _, step := range []struct {
			sleep      time.Duration
			status     int
			retryAfter string
		}{
			{0, 200, ""},
			{1500 * time.Millisecond, 200, ""},
			{0, 429, "19"}, // room in 18.5 s
			{18 * time.Second, 429, "1"},
			{500 * time.Millisecond, 200, ""},
			{0, 429, "2"},
			{2 * time.Second, 200, ""}, // whoever waits as told is admitted
			{0, 429, "18"},
		} {
			time.Sleep(step.sleep)
			status, retryAfter := patch()
			if status != step.status || retryAfter != step.retryAfter {
				t.Fatalf("got %d, Retry-After %q, want %+v", status, retryAfter, step)
			}
		}
		if w := ask(sim, "GET", plainRoute, ""); w.Code != http.StatusOK {
			t.Errorf("reads have a limit of their own: %d", w.Code)
		}
		stats := sim.Stats()
		if stats.Throttled != 4 || stats.Applied != 4 || stats.WorstWindowWrites != 5 || stats.WriteLimit != 2 || stats.WriteWindowSeconds != 20 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestThrottledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{ReadLimit: graphsim.Limit{Requests: 1, Window: time.Second}})
		ask(sim, "GET", plainRoute, "")
		w := ask(sim, "GET", plainRoute, "", "client-request-id", "cid")
		want := `{"error":{"code":"TooManyRequests","message":"Please retry again later.","innerError":{"code":"429","date":"2000-01-01T00:00:00",` +
			`"message":"Please retry after","request-id":"` + w.Header().Get("request-id") + `","client-request-id":"cid","status":"429"}}}`
		if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != http.StatusTooManyRequests {
			t.Error(w.Code, diff)
		}
	})
}

func TestWhoIsNotAdmittedCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{WriteLimit: graphsim.Limit{Requests: 1, Window: time.Second}})
		ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "")
		if w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody); w.Code != http.StatusOK {
			t.Errorf("a request without a token took the place: %d", w.Code)
		}
		if w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "Bearer another"); w.Code != http.StatusOK {
			t.Errorf("another token: %d", w.Code)
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{Latency: 200 * time.Millisecond, Jitter: 100 * time.Millisecond})
		seen := map[time.Duration]bool{}
		start := time.Now()
		for range 50 {
			before := time.Now()
			ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`)
			took := time.Since(before)
			if took < 200*time.Millisecond || took >= 300*time.Millisecond {
				t.Errorf("took %s", took)
			}
			seen[took] = true
		}
		if len(seen) < 2 {
			t.Error("no jitter")
		}
		// Half of it is the way there, which was over when the request was looked at.
		logged := sim.Requests()[0]
		there, back := logged.At.Sub(start), time.Duration(logged.WaitedMs*float64(time.Millisecond))
		if there < 100*time.Millisecond || there >= 150*time.Millisecond || (there-back).Abs() > time.Microsecond {
			t.Errorf("logged %s there and %s back", there, back)
		}
	})
}
