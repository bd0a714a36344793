package budget

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var backstopLimits = []Limit{
	{100, 20 * time.Second}, {900, 20 * time.Second}, {1, 20 * time.Second}, {2, time.Second}, {100_000, 20 * time.Second},
	{10, time.Millisecond}, {3, time.Hour},
}

// below is a random duration.
func below(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

func instant(d time.Duration) time.Time {
	return time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC).Add(d)
}

// TestBackstopLetsGoodSlotsPass moves each slot by what this process's notion of the database's clock may move it.
func TestBackstopLetsGoodSlotsPass(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, limit := range backstopLimits {
		b := newBackstop(limit)
		interval := wholeMicroseconds(limit.Interval())
		for i := range 20_000 {
			at := instant(time.Duration(i)*interval + below(random, maxJitter/2))
			if !b.passes(at) {
				t.Fatalf("%s: slot %d is refused", limit, i)
			}
		}
	}
}

// TestBackstopKeepsTheLimit gives out nonsense, as a database might whose clock is set: the same slots again and again, and
// far too many. Each is used as late as it may be, or at once.
func TestBackstopKeepsTheLimit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for _, limit := range backstopLimits {
		b := newBackstop(limit)
		var sent []time.Time
		var base time.Duration
		for range 200_000 {
			base += below(random, limit.Interval()/2+1)
			at := instant(base - below(random, limit.Window/4+time.Nanosecond))
			if b.passes(at) {
				sent = append(sent, at.Add(time.Duration(random.IntN(2))*maxLate))
			}
		}
		slices.SortFunc(sent, time.Time.Compare)
		from := 0
		for i, at := range sent {
			for at.Sub(sent[from]) > limit.Window {
				from++
			}
			if n := i - from + 1; n > limit.Requests {
				t.Fatalf("%s: %d in one window", limit, n)
			}
		}
		if len(sent) < 10 {
			t.Errorf("%s: only %d of all passed", limit, len(sent))
		}
	}
}

// TestTenantsLimitHoldsForInterlacedApps has three apps take ranges of any length that lie between each other.
func TestTenantsLimitHoldsForInterlacedApps(t *testing.T) {
	t.Parallel()
	for _, limits := range [][2]Limit{
		{{100, 20 * time.Second}, {200, 20 * time.Second}},
		{{2000, 2 * time.Second}, {4000, 2 * time.Second}},
		{{2000, 2 * time.Second}, {2500, 2 * time.Second}},
		{{10, time.Second}, {5, time.Second}},
	} {
		random := rand.New(rand.NewPCG(5, 6))
		top := line{Every: wholeMicroseconds(limits[1].stepAbove()), Factor: 1}
		apps := slices.Repeat([]line{{Every: wholeMicroseconds(limits[0].Interval()), Factor: 1}}, 3)
		var slots []time.Time
		now := instant(0)
		for now.Before(instant(10 * limits[1].Window)) {
			n, first, step := reserve(&apps[random.IntN(3)], &top, 1+random.IntN(500), now, leastLead, horizon)
			for i := range n {
				slots = append(slots, first.Add(time.Duration(i)*step))
			}
			now = now.Add(below(random, 40*time.Millisecond))
		}
		slices.SortFunc(slots, time.Time.Compare)
		from := 0
		for i, at := range slots {
			for at.Sub(slots[from]) > limits[1].Window {
				from++
			}
			if n := i - from + 1; n > limits[1].Requests {
				t.Fatalf("%s: %d in one window", limits[1], n)
			}
		}
		if got, want := float64(len(slots)), 10*limits[1].Window.Seconds()/top.Every.Seconds(); got < 0.95*want {
			t.Errorf("%s: only %.0f of %.0f used", limits[1], got, want)
		}
	}
}

func TestClockNeverMapsTooEarly(t *testing.T) {
	t.Parallel()
	var c clock
	db := func(d time.Duration) time.Time { return instant(d + time.Hour) } // an hour ahead
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for i, step := range []struct {
		begun, ended, read int // of the exchange; read when the database read its clock
		late               int // how much too late an instant of the database is mapped after it
	}{
		{0, 10, 2, 8},
		{20, 22, 21, 1},              // a faster one is nearer
		{30, 60, 31, 1},              // a slower one tells nothing
		{20_000, 20_030, 20_010, 20}, // the old one is too old
		{20_040, 20_050, 20_049, 1},
	} {
		c.observe(instant(ms(step.begun)), instant(ms(step.ended)), db(ms(step.read)))
		if got, want := c.toLocal(db(time.Minute)).Sub(instant(time.Minute)), ms(step.late); got != want {
			t.Errorf("exchange %d: mapped %s late, want %s", i, got, want)
		}
		if got := c.toDBAtLeast(instant(time.Minute)); got.Before(db(time.Minute)) || got.Sub(db(time.Minute)) > 30*time.Millisecond {
			t.Errorf("exchange %d: an instant that is %s is taken for %s", i, db(time.Minute), got)
		}
	}
	// The database's clock is set back by five seconds.
	c.observe(instant(ms(20_100)), instant(ms(20_104)), db(ms(15_101)))
	if got, want := c.toLocal(db(ms(15_101))).Sub(instant(ms(20_101))), ms(3); got != want {
		t.Errorf("after it was set back: %s late, want %s", got, want)
	}
	if got := c.toDB(c.toLocal(db(time.Minute))); !got.Equal(db(time.Minute)) {
		t.Errorf("there and back: %s", got)
	}
}

func TestLeadFollowsTheWay(t *testing.T) {
	t.Parallel()
	var c clock
	for i, step := range []struct{ trip, want time.Duration }{
		{time.Millisecond, 50 * time.Millisecond},
		{200 * time.Millisecond, 400 * time.Millisecond}, // at once
		{100 * time.Millisecond, 380 * time.Millisecond}, // little by little
	} {
		c.observe(instant(0), instant(step.trip), instant(0))
		if got := c.lead(); got != step.want {
			t.Errorf("exchange %d: %s, want %s", i, got, step.want)
		}
	}
}
