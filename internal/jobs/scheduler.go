package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"graphpatch/internal/ledger"
)

// clockEvery is how long a process is behind at most with what others did to a schedule.
const clockEvery = 5 * time.Second

// scheduler watches the schedules of a process until ctx ends. Every process with the same schedules does; the one that comes
// first claims the firing.
type scheduler struct {
	enqueuer *Enqueuer
	river    *river.Client[pgx.Tx]
	known    []Reconciliation
	log      *slog.Logger
	waiting  map[string]int64 // the open run that a schedule's times are missed for, which has been said
}

func (c *scheduler) run(ctx context.Context) {
	for {
		wait := clockEvery
		for _, r := range c.known {
			next, err := c.look(ctx, r)
			if err != nil && ctx.Err() == nil {
				c.log.Warn("could not look at the schedule; it is tried again", "reconciliation", r.Name, "problem", err)
			}
			wait = min(wait, max(next, 0))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// look fires if a time has come, and says how soon the next one comes.
func (c *scheduler) look(ctx context.Context, r Reconciliation) (next time.Duration, err error) {
	s, err := c.enqueuer.ledger.LookAtSchedule(ctx, r.Name)
	if err != nil {
		return clockEvery, err
	}
	if d := dueNow(r.Times, r.CatchUp, s); d.At.IsZero() {
		c.tellBusy(r, s)
		return max(r.Times.Next(s.LastDue).Sub(s.Now), time.Second), nil
	}
	var done ledger.Due
	claim, err := c.enqueuer.ledger.ClaimFiring(ctx, r.Name, "schedule", func(s ledger.Schedule) ledger.Due {
		done = dueNow(r.Times, r.CatchUp, s)
		return done
	}, func(tx pgx.Tx, claim ledger.FiringClaim) error {
		args := ReconcileArgs{Name: claim.Name, Due: claim.Due, Fence: claim.Fence}
		if _, err := c.river.InsertTx(ctx, tx, args, nil); err != nil {
			return fmt.Errorf("insert the job: %w", err)
		}
		return nil
	})
	switch {
	case err != nil:
		return clockEvery, err
	case done.Missed > 0 && claim != nil:
		c.log.Warn("times were missed and are made up for by one", "reconciliation", r.Name, "missed", done.Missed)
	case done.Missed > 0:
		c.log.Warn("times were missed and are let go", "reconciliation", r.Name, "missed", done.Missed)
	}
	return time.Second, nil
}

// tellBusy says once that times of a schedule are missed, because the run of the last firing is not over.
func (c *scheduler) tellBusy(r Reconciliation, s ledger.Schedule) {
	if s.Busy == 0 || c.waiting[r.Name] == s.Busy || r.Times.Next(s.LastDue).After(s.Now) {
		return
	}
	c.waiting[r.Name] = s.Busy
	c.log.Warn("the schedule waits for the run of its last firing", "reconciliation", r.Name, "run", s.Busy, "state", s.State, "reason", s.Reason)
}
