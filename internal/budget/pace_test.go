package budget_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"graphpatch/internal/budget"
)

// worstWindow is the most slots that any window holds which is open at one end.
func worstWindow(slots []time.Time, window time.Duration) int {
	worst, from := 0, 0
	for i, slot := range slots {
		for slot.Sub(slots[from]) > window {
			from++
		}
		worst = max(worst, i-from+1)
	}
	return worst
}

// TestNoWindowHoldsMore sends as fast as the pace allows, for five windows. The windows counted are closed at both ends,
// so this holds whichever end Graph counts.
func TestNoWindowHoldsMore(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"100/20s", "900/20s", "1/20s", "2/20s", "7/30s", "1000/20s", "99999/20s", "200/1m", "3/1h"} {
		limit := mustParse(t, text)
		pace := budget.NewPace(limit)
		var slots []time.Time
		for now := noon; now.Sub(noon) < 5*limit.Window; {
			now = pace.Slot(now)
			slots = append(slots, now)
		}
		if got := worstWindow(slots, limit.Window); got > limit.Requests {
			t.Errorf("%s: %d in one window", text, got)
		}
		rate := float64(len(slots)-1) / slots[len(slots)-1].Sub(noon).Seconds()
		if share := rate * limit.Window.Seconds() / float64(limit.Requests); share < 0.985 || share > 1 {
			t.Errorf("%s: %.4f of the limit is used", text, share)
		}
	}
}

// TestSteadyAfterIdling tells that no burst makes up for a time in which nothing was sent.
func TestSteadyAfterIdling(t *testing.T) {
	t.Parallel()
	pace := budget.NewPace(mustParse(t, "100/20s"))
	for _, start := range []float64{0, 1, 60, 3600, 86400} {
		for i := range 3 {
			want := at(start).Add(time.Duration(i) * 202 * time.Millisecond)
			if got := pace.Slot(at(start)); !got.Equal(want) {
				t.Errorf("slot %d at %.0f s: got %s, want %s", i, start, got, want)
			}
		}
	}
}

// rounding is what the limiter, which counts in floating point, may be short of an interval. The limit has 200 ms in
// hand.
const rounding = time.Microsecond

// TestClocksReadInAnotherOrder tells that slots keep their distance when callers read the clock, and are then overtaken.
func TestClocksReadInAnotherOrder(t *testing.T) {
	t.Parallel()
	limit := mustParse(t, "100/20s")
	pace := budget.NewPace(limit)
	random := rand.New(rand.NewPCG(1, 2))
	var last time.Time
	for i := range 10_000 {
		now := at(float64(i)/5 + 3*random.Float64())
		slot := pace.Slot(now)
		if slot.Before(now) {
			t.Fatalf("slot %d lies %s before it was asked for", i, now.Sub(slot))
		}
		if i > 0 && slot.Sub(last) < limit.Interval()-rounding {
			t.Fatalf("slot %d comes %s after the one before", i, slot.Sub(last))
		}
		last = slot
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	limit := mustParse(t, "100/20s")
	pace := budget.NewPace(limit)
	var mu sync.Mutex
	var slots []time.Time
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := range 100 {
				slot := pace.Slot(at(float64(i%(c+1)) / 10))
				pace.Ahead(slot)
				mu.Lock()
				slots = append(slots, slot)
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	slices.SortFunc(slots, time.Time.Compare)
	for i := 1; i < len(slots); i++ {
		if got := slots[i].Sub(slots[i-1]); got < limit.Interval()-rounding {
			t.Fatalf("two slots %s apart", got)
		}
	}
}

func TestAhead(t *testing.T) {
	t.Parallel()
	pace := budget.NewPace(mustParse(t, "1/20s"))
	for _, step := range []struct {
		now  float64
		take bool
		want time.Duration
	}{
		{0, false, 0},
		{0, true, 0},
		// The next slot is far away, although the only one given is right now: whoever claimed for it would wait too long.
		{0, false, 20200 * time.Millisecond},
		{20, false, 200 * time.Millisecond},
		{20, true, 200 * time.Millisecond},
		{20.2, false, 20200 * time.Millisecond},
		{60, false, 0},
	} {
		if got := pace.Ahead(at(step.now)); got != step.want {
			t.Errorf("at %.1f s: got %s, want %s", step.now, got, step.want)
		}
		if step.take {
			want := at(step.now).Add(step.want)
			if got := pace.Slot(at(step.now)); !got.Equal(want) {
				t.Errorf("at %.1f s: got the slot %s, want %s", step.now, got, want)
			}
		}
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limit      string
		most, want int
	}{
		{"100/20s", 100, 4},
		{"100/20s", 3, 3},
		{"1/20s", 100, 1},
		{"900/20s", 100, 44},
		{"1000000/20s", 100, 100},
		{"1000000000/1ms", 100, 100},
		{"100/20s", 0, 1},
	} {
		if got := budget.NewPace(mustParse(t, test.limit)).Block(test.most); got != test.want {
			t.Errorf("%s, at most %d: got %d, want %d", test.limit, test.most, got, test.want)
		}
	}
}

// TestNoSlotInAPause tells that a slot lies after the pause, and that the ones after it keep their distance.
func TestNoSlotInAPause(t *testing.T) {
	t.Parallel()
	pace := budget.NewPace(mustParse(t, "100/20s"))
	pace.Slot(at(0))
	pace.Throttled(at(0.1), at(0), 10*time.Second, true)
	if got, want := pace.Ahead(at(1)), 9100*time.Millisecond; got != want {
		t.Errorf("ahead: got %s, want %s", got, want)
	}
	for i, want := range []float64{10.1, 10.302, 10.504} {
		if got := pace.Slot(at(1)); !got.Equal(at(want)) {
			t.Errorf("slot %d: got %s, want %s", i, got, at(want))
		}
	}
	if got, want := pace.Slot(at(60)), at(60); !got.Equal(want) {
		t.Errorf("long after: got %s, want %s", got, want)
	}
}

func ExamplePace() {
	pace := budget.NewPace(budget.DefaultWrites)
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	for range 3 {
		fmt.Println(pace.Slot(now).Sub(now))
	}
	pace.Throttled(now.Add(time.Second), now, 30*time.Second, true)
	fmt.Println(pace.Slot(now.Add(2 * time.Second)).Sub(now))
	// Output:
	// 0s
	// 202ms
	// 404ms
	// 31s
}
