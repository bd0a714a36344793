package graphsim

import (
	"cmp"
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
		wait, ok := admit(&w, duration(t, step.at))
		if want := step.wait == ""; ok != want {
			t.Fatalf("at %s: admitted %v, want %v", step.at, ok, want)
		}
		if !ok && wait != duration(t, step.wait) {
			t.Fatalf("at %s: wait %s, want %s", step.at, wait, step.wait)
		}
	}
}

// admit is what the gate does with a window that is alone.
func admit(w window, now time.Duration) (wait time.Duration, ok bool) {
	if wait = w.room(now); wait > 0 {
		return wait, false
	}
	w.take(now)
	return 0, true
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
		_, ok := admit(&w, now)
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

// TestFixedWindow is a conversation: three requests are allowed in 20 s, and
// the simulator started 5 s into such a window.
func TestFixedWindow(t *testing.T) {
	w := newWindow(Fixed, Limit{Requests: 3, Window: 20 * time.Second}, time.Unix(1_000_000_005, 0))
	for _, step := range []struct{ at, wait string }{
		{"10s", ""}, {"14s", ""}, {"14s", ""},
		{"14s", "1s"}, {"14.999999999s", "1ns"},
		{"15s", ""}, {"15s", ""}, {"15s", ""}, // six within a second
		{"15s", "20s"}, {"34s", "1s"},
		{"1h", ""}, {"1h0m0s", ""}, {"1h0m1s", ""}, {"1h0m1s", "14s"},
	} {
		if wait, _ := admit(w, duration(t, step.at)); wait.String() != cmp.Or(step.wait, "0s") {
			t.Fatalf("at %s: wait %s, want %q", step.at, wait, step.wait)
		}
	}
}

// TestBucketWindow is one too: a burst of three, and one more each 20/3 s.
func TestBucketWindow(t *testing.T) {
	w := newWindow(Bucket, Limit{Requests: 3, Window: 18 * time.Second}, time.Unix(1_000_000_005, 0))
	for _, step := range []struct{ at, wait string }{
		{"10s", ""}, {"10s", ""}, {"10s", ""},
		{"10s", "6s"}, {"12s", "4s"}, {"12s", "4s"}, // a refusal costs nothing
		{"16s", ""}, {"16s", "6s"},
		{"29s", ""}, {"29s", ""}, {"29s", "5s"}, // 13 s are two and a bit
		{"10m", ""}, {"10m", ""}, {"10m", ""}, {"10m", "6s"}, // never more than the burst
	} {
		if wait, _ := admit(w, duration(t, step.at)); wait.Round(time.Microsecond).String() != cmp.Or(step.wait, "0s") {
			t.Fatalf("at %s: wait %s, want %q", step.at, wait, step.wait)
		}
	}
}

// TestRetryAfterIsHonest comes back after exactly as long as it was told, for
// each shape and at irregular instants.
func TestRetryAfterIsHonest(t *testing.T) {
	for _, shape := range windowShapes {
		w := newWindow(shape, Limit{Requests: 7, Window: time.Second}, time.Unix(1_000_000_000, 123))
		now, refused := time.Duration(0), 0
		for i := range 5000 {
			now += time.Duration(i*i%97) * time.Millisecond
			wait, ok := admit(w, now)
			if ok {
				continue
			}
			refused++
			if _, ok := admit(w, now+wait); !ok {
				t.Fatalf("%s: at %s it said %s, and then refused", shape, now, wait)
			}
			now += wait
		}
		if refused < 100 {
			t.Errorf("%s: only %d refusals", shape, refused)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		shape string
		used  int
		empty string
	}{{Rolling, 2, "9s"}, {Fixed, 2, "8s"}, {Bucket, 1, "2s"}} { // into the bucket flows one in 2 s
		w := newWindow(test.shape, Limit{Requests: 5, Window: 10 * time.Second}, time.Unix(1_000_000_000, 0))
		if used, empty := w.usage(0); used != 0 || empty != 0 {
			t.Errorf("%s: %d, %s at the start", test.shape, used, empty)
		}
		w.take(0)
		w.take(time.Second)
		used, empty := w.usage(2 * time.Second)
		if used != test.used || empty.Round(time.Microsecond) != duration(t, test.empty) {
			t.Errorf("%s: %d, %s", test.shape, used, empty)
		}
	}
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
	g := newGate(own(one, Limit{Requests: 2, Window: time.Minute}), start)
	for i, step := range []struct {
		token, method string
		want          bool
	}{
		{"a", "PATCH", true}, {"a", "POST", false}, {"a", "PUT", false}, {"a", "DELETE", false},
		{"b", "PATCH", true}, {"b", "PATCH", false},
		{"a", "GET", true}, {"a", "HEAD", true}, {"a", "GET", false}, {"b", "GET", true},
	} {
		if got := g.admit(step.token, classOf(step.method), start).admitted; got != step.want {
			t.Errorf("step %d, %s %s: admitted %v", i, step.method, step.token, got)
		}
	}
	if writes, reads := g.worstWindows(); writes != 4 || reads != 3 {
		t.Errorf("worst windows: %d writes, %d reads, want 4 and 3: refused ones count here", writes, reads)
	}
}

func TestGateTakesOvertakenRequestsTogether(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	g := newGate(own(Limit{Requests: 1, Window: time.Second}, DefaultReadLimit), start)
	g.admit("a", write, start.Add(2*time.Second))
	if d := g.admit("a", write, start.Add(time.Second)); d.admitted || d.retryAfter != 1 {
		t.Errorf("got %+v", d)
	}
}

func TestGateForgetsIdleTokens(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	g := newGate(own(DefaultWriteLimit, DefaultReadLimit), start)
	for i := range 10 * manyLanes {
		g.admit(fmt.Sprint(i), read, start.Add(time.Duration(i)*time.Second))
	}
	if n := len(g.lanes); n > manyLanes {
		t.Errorf("%d windows are kept", n)
	}
}

func own(writes, reads Limit) limits {
	return limits{shape: Rolling, own: [classes]Limit{write: writes, read: reads}}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
