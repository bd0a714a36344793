package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/cli"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
)

// work runs the worker until ctx ends, or until it has nothing left to do and c.Drain says that this is the end.
func (c *runCommand) work(ctx context.Context, worker *jobs.Worker, d *drain) error {
	// The work outlives the first signal: what is in flight is finished. The second ends the process.
	background := context.WithoutCancel(ctx)
	since, err := d.books.Now(background)
	if err != nil {
		return errors.Join(err, worker.Stop(background))
	}
	if err := worker.Start(background); err != nil {
		return errors.Join(err, worker.Stop(background))
	}
	if c.Drain {
		err = d.wait(ctx)
	} else {
		<-ctx.Done()
	}
	stopped := ctx.Err() != nil
	if stopped {
		d.log.Info("stopping: nothing more is sent, what is in flight is finished; a second signal ends at once")
		err = nil
	}
	if err = errors.Join(err, worker.Stop(background)); err != nil || stopped || !c.Drain {
		return err
	}
	return d.report(background, since)
}

// drain waits until nothing can be done without a person, and says what that came to.
type drain struct {
	worker  *jobs.Worker
	books   *ledger.Ledger
	tenants cli.Serving
	log     *slog.Logger
	out     io.Writer
}

const (
	idleEvery = 200 * time.Millisecond
	// patience is how long the database may be away before a drain gives up.
	patience = 2 * time.Minute
)

func (d *drain) wait(ctx context.Context) error {
	ticker := time.NewTicker(idleEvery)
	defer ticker.Stop()
	answered := time.Now()
	for {
		idle, err := d.worker.Idle(ctx)
		if err == nil {
			answered = time.Now()
		}
		if idle || ctx.Err() != nil || time.Since(answered) > patience {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// report names the runs that ended or were held since then, and the held ones from before.
func (d *drain) report(ctx context.Context, since time.Time) error {
	runs, err := d.endedOrHeld(ctx, since)
	if err != nil {
		return err
	}
	rejected, stopped := false, false
	for _, run := range runs {
		line := fmt.Sprintf("Run %d is %s: %d of %d rows settled, %d applied, %d rejected, %d failed",
			run.ID, run.State, run.Settled, run.Rows, run.Applied, run.Rejected, run.Failed)
		if run.State == ledger.Held {
			line += fmt.Sprintf(`; held: %s. "enqueue release %d" lets it go on`, run.Reason, run.ID)
			stopped = stopped || run.Stopped
		}
		rejected = rejected || run.State == ledger.Finished && run.Rejected+run.Failed > 0
		if _, err := fmt.Fprintln(d.out, line+"."); err != nil {
			return err
		}
	}
	switch {
	case stopped:
		return &cli.Error{Code: cli.ExitFailed}
	case rejected:
		return &cli.Error{Code: cli.ExitRejected}
	case len(runs) == 0:
		_, err = fmt.Fprintln(d.out, "Nothing was to be done.")
	}
	return err
}

func (d *drain) endedOrHeld(ctx context.Context, since time.Time) (runs []ledger.Standing, err error) {
	seen := map[uuid.UUID]bool{}
	for _, t := range d.tenants {
		if seen[t.ID] {
			continue // another app of it
		}
		seen[t.ID] = true
		its, err := d.books.EndedOrHeld(ctx, t.ID, since)
		if err != nil {
			return nil, err
		}
		runs = append(runs, its...)
	}
	return runs, nil
}
