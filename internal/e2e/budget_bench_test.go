package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// jittered is a Graph whose answers take between 50 and 150 ms.
var jittered = []string{"--latency=50ms", "--jitter=100ms"}

// BenchmarkBudget measures how much of a limit worker processes that share it use, and how far from equally.
func BenchmarkBudget(b *testing.B) {
	for _, rate := range []int{5, 100, 1000} {
		for _, workers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("rate=%d/workers=%d/prompt", rate, workers), func(b *testing.B) {
				benchmarkBudget(b, workers, rate)
			})
			b.Run(fmt.Sprintf("rate=%d/workers=%d/jittered", rate, workers), func(b *testing.B) {
				benchmarkBudget(b, workers, rate, jittered...)
			})
		}
	}
}

// BenchmarkBudgetShapes is the same against the other shapes that Graph's window may have.
func BenchmarkBudgetShapes(b *testing.B) {
	for _, shape := range []string{"fixed", "bucket"} {
		b.Run(shape, func(b *testing.B) { benchmarkBudget(b, 4, 100, "--window="+shape) })
	}
}

func benchmarkBudget(b *testing.B, workers, rate int, simulator ...string) {
	const windows = 3
	for b.Loop() {
		s := newStage(b, workers, rate, windows)
		s.graph(simulator...)
		p := s.play(0)
		if p.stats.Throttled > 0 {
			b.Errorf("%d requests were throttled", p.stats.Throttled)
		}
		b.ReportMetric(p.share(float64(rate)), "of_limit")
		p.reportOwnLimit()
	}
}

// reportOwnLimit reports what must hold whatever else goes on: no window holds more than the limit.
func (p *play) reportOwnLimit() {
	p.b.Helper()
	if p.stats.WorstWindowWrites > p.stats.WriteLimit {
		p.b.Errorf("a window held %d writes, the limit is %d", p.stats.WorstWindowWrites, p.stats.WriteLimit)
	}
	p.b.ReportMetric(0, "ns/op") // how long it lasts says nothing
	p.b.ReportMetric(float64(p.stats.WorstWindowWrites)/float64(p.stats.WriteLimit), "worst_window")
	p.b.ReportMetric(float64(p.stats.Throttled), "429s")
	p.b.ReportMetric(100*p.deviation(), "%_apart")
	p.b.ReportMetric(float64(p.connections), "connections")
	p.b.ReportMetric(float64(p.reservations)/float64(len(p.requests)), "reservations/PATCH")
	p.b.ReportMetric(float64(p.reserving.Microseconds())/float64(len(p.requests)), "µs_reserving/PATCH")
}

// BenchmarkBudgetOtherApp measures what is used of the part of the tenant's limit that another app leaves, which is half.
func BenchmarkBudgetOtherApp(b *testing.B) {
	const workers, windows = 4, 9
	for _, rate := range []int{5, 100} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			for b.Loop() {
				s := newStage(b, workers, rate, windows)
				s.graph("--tenant-limit="+s.limit(rate), fmt.Sprintf("--other-app=%d/2s", rate))
				// The rate falls, and begins to climb again.
				p := s.play(3 * s.window)
				refused, sent := p.steady(http.StatusTooManyRequests), p.steady(http.StatusTooManyRequests)+p.steady(http.StatusOK)
				b.ReportMetric(p.share(float64(rate)/2), "of_what_is_left")
				b.ReportMetric(100*float64(refused)/float64(sent), "%_throttled")
				p.reportOwnLimit()
			}
		})
	}
}

// BenchmarkBudgetHints measures what is left of the rate when Graph says with each answer how much of the limit is used up.
func BenchmarkBudgetHints(b *testing.B) {
	const workers, rate, windows = 4, 5, 9
	for b.Loop() {
		s := newStage(b, workers, rate, windows)
		s.graph("--throttle-headers")
		p := s.play(3 * s.window)
		b.ReportMetric(p.share(rate), "of_limit")
		p.reportOwnLimit()
	}
}

// BenchmarkBudgetPause measures how soon sixteen processes heed a pause of 30 s that one of them is told to make, and how
// soon they go on.
func BenchmarkBudgetPause(b *testing.B) {
	const workers, rate = 16, 100
	const asked, told = 30 * time.Second, 20 * time.Millisecond
	for b.Loop() {
		s := newStage(b, workers, rate, 1)
		s.lasts = 2 * asked
		s.graph("--fault=429:method=PATCH:after=1000:first=1", "--fault-retry-after=30")
		p := s.play(0)
		heard, ok := p.throttled()
		if !ok {
			b.Fatal("nobody was throttled")
		}
		var soon, late int
		after := time.Duration(0)
		for _, r := range p.requests {
			switch since := r.At.Sub(heard); {
			case since <= 0:
			case since <= told:
				soon++
			case since < asked:
				late++
			case after == 0 || since-asked < after:
				after = since - asked
			}
		}
		if late > 0 {
			b.Errorf("%d requests during the pause", late)
		}
		b.ReportMetric(float64(soon), "before_20ms")
		b.ReportMetric(float64(late), "before_30s")
		b.ReportMetric(float64(after.Microseconds())/1000, "ms_after_30s")
		p.reportOwnLimit()
	}
}

// throttled is when the first 429 was answered; the simulator answers at once.
func (p *play) throttled() (at time.Time, ok bool) {
	for _, r := range p.requests {
		if r.Status == http.StatusTooManyRequests {
			return r.At, true
		}
	}
	return time.Time{}, false
}
