package budget_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/budget"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// standing is the row of an app that works at 5 rows a second and was seen a moment ago.
func standing(app string, change ...func(*budget.Standing)) budget.Standing {
	s := budget.Standing{
		App: app, Class: "write", Limit: budget.Limit{Requests: 100, Window: 20 * time.Second}, Factor: 1,
		Interval: 200 * time.Millisecond, Seen: noon.Add(-time.Second), Now: noon,
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func pausedFor(d time.Duration) func(*budget.Standing) {
	return func(s *budget.Standing) { s.Pause = budget.Pause{Until: noon.Add(d), Asked: true} }
}

func every(d time.Duration) func(*budget.Standing) {
	return func(s *budget.Standing) { s.Interval = d }
}

func seenAgo(d time.Duration) func(*budget.Standing) {
	return func(s *budget.Standing) { s.Seen = noon.Add(-d) }
}

func slowed(s *budget.Standing) { s.Factor, s.Interval = 0.8, 250*time.Millisecond }

func reading(s *budget.Standing) { s.Class, s.Interval = "read", time.Millisecond }

func TestPlan(t *testing.T) {
	t.Parallel()
	configured := budget.Limit{Requests: 100, Window: 19800 * time.Millisecond} // with the slack 200 ms a row
	type forecast struct {
		Known                     bool
		Pace                      string
		Paused, Ahead, Own, Total time.Duration
	}
	for name, test := range map[string]struct {
		standings []budget.Standing
		queue     budget.Queue
		want      forecast
	}{
		"nobody ever worked":             {nil, budget.Queue{Ahead: 5, Rows: 10}, forecast{false, "100/19.8s", 0, time.Second, 2 * time.Second, 3 * time.Second}},
		"only reads":                     {[]budget.Standing{standing("a", reading)}, budget.Queue{Rows: 10}, forecast{false, "100/19.8s", 0, 0, 2 * time.Second, 2 * time.Second}},
		"one app":                        {[]budget.Standing{standing("a"), standing("a", reading)}, budget.Queue{Rows: 100}, forecast{true, "100/20s", 0, 0, 20 * time.Second, 20 * time.Second}},
		"nothing to do":                  {[]budget.Standing{standing("a")}, budget.Queue{}, forecast{true, "100/20s", 0, 0, 0, 0}},
		"slowed down":                    {[]budget.Standing{standing("a", slowed)}, budget.Queue{Rows: 100}, forecast{true, "80 % of 100/20s", 0, 0, 25 * time.Second, 25 * time.Second}},
		"paused, with others ahead":      {[]budget.Standing{standing("a", pausedFor(41*time.Second))}, budget.Queue{Ahead: 10, Rows: 20}, forecast{true, "100/20s", 41 * time.Second, 2 * time.Second, 4 * time.Second, 47 * time.Second}},
		"a pause that is over":           {[]budget.Standing{standing("a", pausedFor(0))}, budget.Queue{Rows: 5}, forecast{true, "100/20s", 0, 0, time.Second, time.Second}},
		"two apps":                       {[]budget.Standing{standing("a"), standing("b")}, budget.Queue{Rows: 100}, forecast{true, "10.0 rows a second by 2 apps", 0, 0, 10 * time.Second, 10 * time.Second}},
		"two apps below the tenant's":    {[]budget.Standing{standing("", every(125*time.Millisecond)), standing("a"), standing("b")}, budget.Queue{Rows: 100}, forecast{true, "8.0 rows a second by 2 apps", 0, 0, 12500 * time.Millisecond, 12500 * time.Millisecond}},
		"one app, the tenant's is wider": {[]budget.Standing{standing("", every(100*time.Millisecond)), standing("a")}, budget.Queue{Rows: 100}, forecast{true, "100/20s", 0, 0, 20 * time.Second, 20 * time.Second}},
		"an app of yesterday":            {[]budget.Standing{standing("a"), standing("b", seenAgo(24*time.Hour))}, budget.Queue{Rows: 100}, forecast{true, "100/20s", 0, 0, 20 * time.Second, 20 * time.Second}},
		"all of yesterday":               {[]budget.Standing{standing("a", seenAgo(24*time.Hour)), standing("b", seenAgo(24*time.Hour+time.Second))}, budget.Queue{Rows: 100}, forecast{true, "10.0 rows a second by 2 apps", 0, 0, 10 * time.Second, 10 * time.Second}},
		"one of two apps paused":         {[]budget.Standing{standing("a", pausedFor(time.Minute)), standing("b")}, budget.Queue{Rows: 10}, forecast{true, "10.0 rows a second by 2 apps", 0, 0, time.Second, time.Second}},
		"the whole tenant paused":        {[]budget.Standing{standing("", every(100*time.Millisecond), pausedFor(time.Minute)), standing("a")}, budget.Queue{Rows: 5}, forecast{true, "100/20s", time.Minute, 0, time.Second, 61 * time.Second}},
		"more than a Duration":           {[]budget.Standing{standing("a", pausedFor(time.Minute))}, budget.Queue{Ahead: math.MaxInt64, Rows: math.MaxInt64}, forecast{true, "100/20s", time.Minute, math.MaxInt64, math.MaxInt64, math.MaxInt64}},
	} {
		f := budget.Plan(test.standings, configured, test.queue)
		got := forecast{f.Known, f.Pace(), f.Paused, f.Ahead, f.Own, f.Total()}
		if diff := cmp.Diff(got, test.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
		if (f.Pause != nil) != (f.Paused > 0) {
			t.Errorf("%s: pause %v for %s", name, f.Pause, f.Paused)
		}
	}
}

func TestDescribePause(t *testing.T) {
	t.Parallel()
	until := noon.Add(41 * time.Second)
	for _, test := range []struct {
		pause budget.Pause
		left  time.Duration
		want  string
	}{
		{budget.Pause{Asked: true, Reason: "Graph answered 429"}, 40500 * time.Millisecond, "paused by Graph until 13:00:41, 41 s (Graph answered 429)"},
		{budget.Pause{Down: true, Strikes: 3}, 10 * time.Minute, "paused until 13:00:41, 10m0s, because nothing gets through"},
		{budget.Pause{Strikes: 3}, time.Second, "paused until 13:00:41, 1 s, after 3 answers in a row that asked for fewer requests"},
		{budget.Pause{Strikes: 1}, time.Second, "paused until 13:00:41, 1 s"},
	} {
		test.pause.Until = until
		if got := test.pause.Describe(test.left, time.FixedZone("CET", 3600)); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
