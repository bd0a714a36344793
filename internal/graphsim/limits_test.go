package graphsim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

// step waits, sends one request and says what comes: a status and, with a 429,
// Retry-After.
type step struct {
	sleep  time.Duration
	method string
	want   string
}

func tell(t *testing.T, sim http.Handler, story []step) {
	t.Helper()
	for i, s := range story {
		time.Sleep(s.sleep)
		w := send(sim, s.method)
		got := strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Header().Get("Retry-After")))
		if got != s.want {
			t.Fatalf("step %d, %+v: got %s", i+1, s, got)
		}
	}
}

func send(sim http.Handler, method string) *httptest.ResponseRecorder {
	if method == "GET" {
		return ask(sim, "GET", plainRoute, "")
	}
	return ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`)
}

// TestWindowShapes tells what each shape makes of the same limit, 2 in 20 s. A
// bubble's clock starts at the beginning of a minute.
func TestWindowShapes(t *testing.T) {
	for shape, story := range map[string][]step{
		graphsim.Rolling: {
			{0, "PATCH", "200"}, {15 * time.Second, "PATCH", "200"}, {time.Second, "PATCH", "429 4"},
			{4 * time.Second, "PATCH", "200"}, {0, "PATCH", "429 15"}, {14500 * time.Millisecond, "PATCH", "429 1"},
		},
		graphsim.Fixed: {
			{15 * time.Second, "PATCH", "200"}, {4 * time.Second, "PATCH", "200"}, {500 * time.Millisecond, "PATCH", "429 1"},
			{time.Second, "PATCH", "200"}, {0, "PATCH", "200"}, {0, "PATCH", "429 20"}, // four within 2 s
			{20 * time.Second, "PATCH", "200"},
		},
		graphsim.Bucket: {
			{0, "PATCH", "200"}, {0, "PATCH", "200"}, {0, "PATCH", "429 10"},
			{9500 * time.Millisecond, "PATCH", "429 1"}, {time.Second, "PATCH", "200"}, {0, "PATCH", "429 10"},
			{time.Minute, "PATCH", "200"}, {0, "PATCH", "200"}, {0, "PATCH", "429 10"},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			sim := newSim(t, graphsim.Config{Window: shape, WriteLimit: graphsim.Limit{Requests: 2, Window: 20 * time.Second}})
			tell(t, sim, story)
		})
	}
}

// TestWorstWindowRolls also under windows that let more than the limit pass.
func TestWorstWindowRolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{Window: graphsim.Fixed, WriteLimit: graphsim.Limit{Requests: 2, Window: 20 * time.Second}})
		tell(t, sim, []step{{19 * time.Second, "PATCH", "200"}, {0, "PATCH", "200"}, {time.Second, "PATCH", "200"}, {0, "PATCH", "200"}})
		if n := sim.Stats().WorstWindowWrites; n != 4 {
			t.Errorf("got %d", n)
		}
	})
}

func TestAnyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{
			WriteLimit: graphsim.Limit{Requests: 2, Window: 20 * time.Second}, AnyLimit: graphsim.Limit{Requests: 3, Window: 20 * time.Second},
		})
		tell(t, sim, []step{
			{0, "PATCH", "200"}, {0, "PATCH", "200"}, {0, "PATCH", "429 20"}, // the writes' own limit
			{5 * time.Second, "GET", "200"}, {0, "GET", "429 15"}, // together
			{15 * time.Second, "GET", "200"}, {0, "PATCH", "200"}, {0, "PATCH", "429 5"},
		})
		if w := ask(sim, "GET", plainRoute, "", "Authorization", "Bearer another"); w.Code != http.StatusOK {
			t.Errorf("another token: %d", w.Code)
		}
	})
}

func TestTenantLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{Tenant: graphsim.Limit{Requests: 3, Window: 20 * time.Second}, WriteLimit: graphsim.Limit{Requests: 2, Window: 20 * time.Second}})
		as := func(token string) *httptest.ResponseRecorder {
			return ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`, "Authorization", "Bearer "+token)
		}
		for i, step := range []struct {
			token  string
			status int
			scope  string
		}{
			{"a", 200, ""}, {"a", 200, ""}, {"a", 429, ""}, // its own limit
			{"b", 200, ""}, {"b", 429, "Tenant/Write/"}, {"c", 429, "Tenant/Write/"}, // everybody's
		} {
			w := as(step.token)
			if scope := w.Header().Get("x-ms-throttle-scope"); w.Code != step.status || !strings.HasPrefix(scope, step.scope) || step.scope == "" && scope != "" {
				t.Errorf("step %d, %s: %d, %q", i+1, step.token, w.Code, scope)
			}
		}
		if w := send(sim, "GET"); w.Code != http.StatusOK {
			t.Errorf("a read: %d", w.Code)
		}
	})
}

// TestOtherApp writes 1 in 5 s next to us, of 6 in 20 s that both have. That
// leaves 2 for us, however often we ask.
func TestOtherApp(t *testing.T) {
	for _, shape := range []string{graphsim.Rolling, graphsim.Fixed, graphsim.Bucket} {
		synctest.Test(t, func(t *testing.T) {
			sim := newSim(t, graphsim.Config{
				Window: shape, Tenant: graphsim.Limit{Requests: 6, Window: 20 * time.Second}, OtherApp: graphsim.Limit{Requests: 4, Window: 20 * time.Second},
			})
			time.Sleep(24 * time.Hour) // it has been at it for a while
			admitted := 0
			for range 1000 {
				if send(sim, "PATCH").Code == http.StatusOK {
					admitted++
				}
				time.Sleep(200 * time.Millisecond)
			}
			if admitted < 20 || admitted > 26 { // 2 in 20 s, for 200 s, and what there was at the start
				t.Errorf("%s: %d were admitted", shape, admitted)
			}
			if w := send(sim, "PATCH"); w.Code == http.StatusTooManyRequests && !strings.HasPrefix(w.Header().Get("x-ms-throttle-scope"), "Tenant/") {
				t.Errorf("%s: %v", shape, w.Header())
			}
		})
	}
}

func TestEarlyRetry(t *testing.T) {
	one := graphsim.Limit{Requests: 1, Window: 20 * time.Second}
	for word, story := range map[string][]step{
		"": {
			{0, "PATCH", "200"}, {5 * time.Second, "PATCH", "429 15"}, {10 * time.Second, "PATCH", "429 5"}, {5 * time.Second, "PATCH", "200"},
		},
		graphsim.EarlyRestart: {
			{0, "PATCH", "200"}, {5 * time.Second, "PATCH", "429 15"},
			{14 * time.Second, "PATCH", "429 15"}, // a second early
			{14 * time.Second, "PATCH", "429 15"}, // the window has had room for long
			{0, "GET", "200"},                     // another limit
			{15 * time.Second, "PATCH", "200"},
			{time.Second, "PATCH", "429 19"}, {19 * time.Second, "PATCH", "200"},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			tell(t, newSim(t, graphsim.Config{EarlyRetry: word, WriteLimit: one}), story)
		})
	}
}

func TestThrottleHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{
			ThrottleHeaders: true, WriteLimit: graphsim.Limit{Requests: 5, Window: 20 * time.Second}, Faults: faults(t, "500:status=bad"),
		})
		var got []string
		for range 6 {
			h := send(sim, "PATCH").Header()
			got = append(got, strings.TrimSpace(fmt.Sprint(h.Get("RateLimit-Limit"), " ", h.Get("RateLimit-Remaining"), " ", h.Get("RateLimit-Reset"), " ", h.Get("x-ms-throttle-limit-percentage"))))
			time.Sleep(time.Second)
		}
		want := []string{"5 4 20", "5 3 20", "5 2 20", "5 1 20 0.80", "5 0 20 1.00", "5 0 19 1.00"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Minute)
		if h := ask(sim, "PATCH", plainRoute+"/bad", documentedBody).Header(); h.Get("RateLimit-Remaining") != "4" {
			t.Errorf("a fault: %v", h)
		}
		if h := ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "").Header(); h.Get("RateLimit-Limit") != "" {
			t.Errorf("without a token: %v", h)
		}
	})
	if h := send(newSim(t, graphsim.Config{}), "GET").Header(); h.Get("RateLimit-Limit") != "" {
		t.Errorf("unasked: %v", h)
	}
}

func TestFaultyLimits(t *testing.T) {
	_, err := graphsim.New(graphsim.Config{
		Window: "square", EarlyRetry: "sulk", AnyLimit: graphsim.Limit{Requests: -1, Window: time.Second},
		OtherApp: graphsim.Limit{Requests: 1, Window: time.Second},
	})
	want := []string{
		`window "square" is unknown: there are rolling, fixed, bucket`,
		`any limit -1/1s: the number of requests must be 1 to 10000000`,
		`other app 1/1s: there is no tenant limit that it could use`,
		`early retry "sulk" is unknown: there are ignore, restart`,
	}
	if diff := cmp.Diff(want, strings.Split(fmt.Sprint(err), "\n")); diff != "" {
		t.Error(diff)
	}
}
