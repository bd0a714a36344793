package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
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

// report names the runs that ended since then and, last, those that are held: since then or from before.
func (d *drain) report(ctx context.Context, since time.Time) error {
	runs, err := d.endedOrHeld(ctx, since)
	if err != nil {
		return err
	}
	slices.SortStableFunc(runs, func(a, b ledger.Standing) int { return cmp.Compare(held(a), held(b)) })
	rejected, stopped := false, false
	for _, run := range runs {
		stopped = stopped || run.State == ledger.Held && run.Stopped
		rejected = rejected || run.State == ledger.Finished && run.Rejected+run.Failed+run.Moved > 0
		if _, err := fmt.Fprintln(d.out, sentence(run)); err != nil {
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

func held(run ledger.Standing) int {
	if run.State == ledger.Held {
		return 1
	}
	return 0
}

// sentence says where a run stands, and of one that waits for a person why, and what lets it go on.
func sentence(run ledger.Standing) string {
	line := fmt.Sprintf("Run %d is %s: %d of %d rows settled, %d applied, %d rejected, %d failed",
		run.ID, run.State, run.Settled, run.Rows, run.Applied, run.Rejected, run.Failed)
	for _, c := range []struct {
		n    int
		name string
	}{{run.Unchanged, "unchanged"}, {run.Moved, "moved"}, {run.Missing, "missing"}} {
		if c.n > 0 {
			line += fmt.Sprintf(", %d %s", c.n, c.name)
		}
	}
	why := cli.Visible(cmp.Or(run.Reason, "nobody said why"))
	switch run.State {
	case ledger.Held:
		line += fmt.Sprintf(`; held: %s. "enqueue release %d" lets it go on`, why, run.ID)
	case ledger.Cancelled:
		line += fmt.Sprintf("; cancelled: %s. %d rows are not sent any more", why, run.Rows-run.Settled)
	case ledger.Finished, ledger.Running, ledger.Planning:
	}
	return line + "."
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
