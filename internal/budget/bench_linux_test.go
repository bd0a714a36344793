package budget_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/postgres/pgtest"
)

// BenchmarkProcesses has 1, 4 and 16 processes send at 5, 100 and 1000 per second, over three windows of the length that
// BUDGET_BENCH_WINDOW says (2s; Graph's is 20s, which takes ten minutes). Of the limit, used is what was sent and worst
// what the fullest window held, both at most 1; spread is how far the shares of the processes lie apart, as a part of
// their mean.
func BenchmarkProcesses(b *testing.B) {
	window, err := time.ParseDuration(cmp.Or(os.Getenv("BUDGET_BENCH_WINDOW"), "2s"))
	if err != nil {
		b.Fatal(err)
	}
	for _, processes := range []int{1, 4, 16} {
		for _, rate := range []int{5, 100, 1000} {
			limit := budget.Limit{Requests: max(1, rate*int(window)/int(time.Second)), Window: window}
			b.Run(fmt.Sprintf("processes=%d/rate=%d", processes, rate), func(b *testing.B) {
				for b.Loop() {
					benchProcesses(b, processes, limit)
				}
			})
		}
	}
}

func benchProcesses(b *testing.B, processes int, limit budget.Limit) {
	one := sender(pgtest.New(b).URL, uuid.New())
	one.Limit, one.Want = limit.String(), 100
	one.TenantLimit = strconv.Itoa(2*limit.Requests) + "/" + limit.Window.String()
	parts := startAll(b, slices.Repeat([]role{one}, processes)...)
	pass(b, time.Second)
	during := span{from: bootTime()}
	pass(b, 3*limit.Window)
	during.to = bootTime()
	accounts := endAll(b, parts)
	sent, late := merge(accounts)
	var shares []int
	for _, a := range accounts {
		shares = append(shares, during.count(a.Sent))
	}
	mean := float64(during.count(sent)) / float64(processes)
	b.ReportMetric(float64(during.count(sent))/during.seconds()*limit.Window.Seconds()/float64(limit.Requests), "used")
	b.ReportMetric(float64(worst(sent, limit.Window))/float64(limit.Requests), "worst")
	b.ReportMetric(float64(slices.Max(shares)-slices.Min(shares))/mean, "spread")
	b.ReportMetric(float64(late), "lost-slots")
}
