package graphsim

import (
	"fmt"
	"testing"
	"time"
)

// TestRollingWindow is a conversation: three requests are allowed in 20 s.
func TestRollingWindow(t *testing.T) {
	w := rollingWindow{limit: Limit{Requests: 3, Window: 20 * time.Second}}
	for _, step := range []struct {
		at   string
		wait string // "" is admitted
	}{
		{"0s", ""},
		{"5s", ""},
		{"5s", ""},
		{"5s", "15s"},            // full: room comes when the first has left
		{"19.999999999s", "1ns"}, // the first is still inside
		{"20s", ""},              // exactly one window old has left
		{"20s", "5s"},            // refused ones above left no trace: the next is the one of 5s
		{"25s", ""},              // both of 5s left
		{"25s", ""},
		{"25s", "15s"}, // the one of 20s
		{"39.5s", "500ms"},
		{"1h", ""}, // long after, everything has left
		{"1h0m0.000000001s", ""},
		{"1h0m0.000000002s", ""},
		{"1h0m19.999999999s", "1ns"},
		{"1h0m20s", ""},
		{"1h0m20s", "1ns"}, // one that came 1 ns after the first leaves 1 ns after it
		{"1h0m20.000000001s", ""},
		{"1h0m20.000000002s", ""},
		{"1h0m20.000000002s", "19.999999998s"},
	} {
		wait, ok := w.admit(duration(t, step.at))
		if want := step.wait == ""; ok != want {
			t.Fatalf("at %s: admitted %v, want %v", step.at, ok, want)
		}
		if !ok && wait != duration(t, step.wait) {
			t.Fatalf("at %s: wait %s, want %s", step.at, wait, step.wait)
		}
	}
}

// TestNoWindowHoldsMore compares with the definition, at irregular instants.
func TestNoWindowHoldsMore(t *testing.T) {
	limit := Limit{Requests: 7, Window: time.Second}
	w := rollingWindow{limit: limit}
	var admitted []time.Duration
	for i := range 5000 {
		now := time.Duration(i*i%977+i*40) * time.Millisecond / 10
		now = max(now, last(admitted))
		inside := 0
		for _, at := range admitted {
			if at > now-limit.Window {
				inside++
			}
		}
		_, ok := w.admit(now)
		if want := inside < limit.Requests; ok != want {
			t.Fatalf("at %s with %d inside: admitted %v", now, inside, ok)
		}
		if ok {
			admitted = append(admitted, now)
		}
	}
	if n := len(w.admitted.ring); n > 16 {
		t.Errorf("a window of 7 grew to %d", n)
	}
}

func last(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[len(times)-1]
}

func TestRetryAfterSeconds(t *testing.T) {
	for wait, want := range map[string]int{"1ns": 1, "1s": 1, "1.000000001s": 2, "19.5s": 20, "20s": 20} {
		if got := retryAfterSeconds(duration(t, wait)); got != want {
			t.Errorf("%s: got %d, want %d", wait, got, want)
		}
	}
}

func TestGateKeepsTokensAndClassesApart(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	one := Limit{Requests: 1, Window: time.Minute}
	g := newGate(one, Limit{Requests: 2, Window: time.Minute}, start)
	for i, step := range []struct {
		token, method string
		want          bool
	}{
		{"a", "PATCH", true}, {"a", "POST", false}, {"a", "PUT", false}, {"a", "DELETE", false},
		{"b", "PATCH", true}, {"b", "PATCH", false},
		{"a", "GET", true}, {"a", "HEAD", true}, {"a", "GET", false}, {"b", "GET", true},
	} {
		if _, got := g.admit(step.token, classOf(step.method), start); got != step.want {
			t.Errorf("step %d, %s %s: admitted %v", i, step.method, step.token, got)
		}
	}
	if writes, reads := g.worstWindows(); writes != 4 || reads != 3 {
		t.Errorf("worst windows: %d writes, %d reads, want 4 and 3: refused ones count here", writes, reads)
	}
}

func TestGateTakesOvertakenRequestsTogether(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	g := newGate(Limit{Requests: 1, Window: time.Second}, DefaultReadLimit, start)
	g.admit("a", write, start.Add(2*time.Second))
	if wait, ok := g.admit("a", write, start.Add(time.Second)); ok || wait != time.Second {
		t.Errorf("got %s, %v", wait, ok)
	}
}

func TestGateForgetsIdleTokens(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	g := newGate(DefaultWriteLimit, DefaultReadLimit, start)
	for i := range 10 * manyLanes {
		g.admit(fmt.Sprint(i), read, start.Add(time.Duration(i)*time.Second))
	}
	if n := len(g.lanes); n > manyLanes {
		t.Errorf("%d windows are kept", n)
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
