package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// crew are the apps that work the queue of one tenant. River hands out slices of the queue to as many places as they have
// together; which app takes one is decided here.
type crew struct {
	apps []*sliceWorker

	mu   sync.Mutex
	busy map[*sliceWorker]int
}

// Work has the slice worked by an app that has a place free.
func (c *crew) Work(ctx context.Context, job *river.Job[SliceArgs]) error {
	one := c.take(time.Now())
	defer c.release(one)
	return one.Work(ctx, job)
}

// take chooses among the apps with a place free: those that are not paused first, and of these the one with the most places
// free. There is always one, because there are no more slices at once than places.
func (c *crew) take(now time.Time) (best *sliceWorker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	best = slices.MaxFunc(c.apps, func(a, b *sliceWorker) int { return slices.Compare(c.fitness(a, now), c.fitness(b, now)) })
	c.busy[best]++
	return best
}

// fitness is greater the better it is that the app takes a slice.
func (c *crew) fitness(one *sliceWorker, now time.Time) []int {
	free := one.atOnce - c.busy[one]
	open := 1
	if _, paused := one.budget.Paused(now); paused {
		open = 0
	}
	return []int{min(free, 1), open, free}
}

func (c *crew) release(one *sliceWorker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy[one]--
}
