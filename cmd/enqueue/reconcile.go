package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/cli"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
)

type reconcileCommand struct {
	Name   string `arg:"" help:"The name of a reconciliation in the --config file."`
	DryRun bool   `help:"Read what Graph shows and say what drifted, but send nothing. Exit code 4: something did. A worker must be serving the tenant."`
	Wait   bool   `help:"Wait until its run is finished, held or cancelled, and show the progress. Exit code 3: finished with rows rejected or failed; 1: held or cancelled."`
	Output string `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Actor
	cli.ConfigFile
	cli.Database
}

// Validate reports what does not go together; kong calls it.
func (c *reconcileCommand) Validate() error {
	if c.DryRun && c.Wait {
		return errors.New("--dry-run waits by itself until everything is read: leave out --wait")
	}
	return nil
}

// Run fires the reconciliation now, besides its schedule.
func (c *reconcileCommand) Run(ctx context.Context, streams cli.Streams) error {
	r, served, err := c.Reconciliation(ctx, c.Name)
	if err != nil {
		return cli.Usage(err)
	}
	return atDesk(ctx, c.Database, func(d desk) error {
		if c.DryRun {
			return c.rehearse(ctx, streams, d, r)
		}
		claim, err := claimNow(ctx, d, r.Name, c.Actor.Name())
		if err != nil {
			return err
		}
		run, sum, err := d.enqueuer.Reconcile(ctx, r, claim, c.Actor.Name())
		if err != nil {
			return notReconciled(r.Name, err)
		}
		o := &runOptions{Wait: c.Wait, Output: c.Output, Priority: r.Priority, MaxFailures: r.MaxFailures, Tenant: served.Tenant}
		return o.afterwards(ctx, streams, d, run, &batch{tenant: r.Tenant, from: r.Name, rows: sum.Rows})
	})
}

// rehearse reads what Graph shows, and fires nothing.
func (c *reconcileCommand) rehearse(ctx context.Context, streams cli.Streams, d desk, r jobs.Reconciliation) error {
	if err := mustBeServed(ctx, d, r.Tenant); err != nil {
		return err
	}
	run, sum, err := d.enqueuer.Rehearse(ctx, r, c.Actor.Name())
	if errors.As(err, new(*jobs.RefusedError)) {
		return cli.Usage(fmt.Errorf("%s: %w. Nothing was enqueued", r.Name, err))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return c.tellDrift(ctx, streams, d, run, sum.Rows)
}

func mustBeServed(ctx context.Context, d desk, tenant uuid.UUID) error {
	served, err := jobs.Served(ctx, d.pool, tenant)
	if err == nil && !served {
		err = fmt.Errorf("no worker serves the tenant %s, and it is a worker that reads what Graph shows: start one. Nothing was enqueued", tenant)
	}
	return err
}

// drift is what a program is told of a dry run.
type drift struct {
	Run       int64 `json:"run"` // which read the statuses; it is cancelled
	Rows      int   `json:"rows"`
	InSync    int   `json:"inSync"`
	Drifted   int   `json:"drifted"`
	Missing   int   `json:"missing"`
	LeftAlone int   `json:"leftAlone"`
	Unread    int   `json:"unread"`
}

// tellDrift waits until the statuses of the run are read, and cancels it.
func (c *reconcileCommand) tellDrift(ctx context.Context, streams cli.Streams, d desk, run int64, rows int) (err error) {
	defer func() {
		var state *ledger.StateError
		leaving := context.WithoutCancel(ctx)
		if fault := d.books.Cancel(leaving, run, c.Actor.Name(), "a dry run: only what drifted was to be seen"); fault != nil && !errors.As(fault, &state) {
			err = errors.Join(err, fault)
		}
	}()
	found, text, err := planOf(ctx, d, run)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = cli.WriteJSON(streams.Out, drift{run, rows, found.Unchanged, found.Differ, found.Missing, found.LeftAlone, found.Unread})
	} else {
		_, err = fmt.Fprintf(streams.Out, "%s: %s: %s. Nothing was sent; \"audit plan %d\" has each row.\n", c.Name, plural(rows, "row"), text, run)
	}
	if err == nil && found.Differ+found.Missing+found.LeftAlone > 0 {
		err = &cli.Error{Code: cli.ExitDrift}
	}
	return err
}

// planOf waits until the plan of a run is complete.
func planOf(ctx context.Context, d desk, run int64) (found ledger.PlanCounts, text string, err error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		// First the state, then the plan: a run stands still after its plan is complete.
		p, err := d.books.Progress(ctx, run)
		if ctx.Err() != nil {
			return found, "", errors.New("interrupted before everything was read; nothing is sent")
		}
		if err != nil {
			return found, "", err
		}
		found, text, done, err := d.books.Found(ctx, run)
		switch {
		case err != nil || done:
			return found, text, err
		case p.State == ledger.Cancelled:
			return found, "", fmt.Errorf("run %d, which reads the statuses, was cancelled by somebody: %s", run, cli.Visible(why(p)))
		case p.State == ledger.Held:
			return found, "", fmt.Errorf("the statuses cannot be read: %s", cli.Visible(why(p)))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// claimNow claims a firing for this very moment, unless one is under way.
func claimNow(ctx context.Context, d desk, name, actor string) (ledger.FiringClaim, error) {
	var busy error
	claim, err := d.books.ClaimFiring(ctx, name, actor, func(s ledger.Schedule) ledger.Due {
		switch {
		case s.Left: // whoever fired it is gone
			return ledger.Due{At: s.Firing, Fire: true}
		case !s.Firing.IsZero():
			busy = fmt.Errorf("%s is being fired right now: nothing was enqueued", name)
		case s.Busy != 0 && s.State == ledger.Held:
			busy = fmt.Errorf("%s: run %d of its last firing is on hold: release or cancel it first; nothing was enqueued", name, s.Busy)
		case s.Busy != 0:
			busy = fmt.Errorf("%s: run %d of its last firing is still %s: nothing was enqueued", name, s.Busy, s.State)
		default:
			return ledger.Due{At: s.Now, Fire: true}
		}
		return ledger.Due{}
	}, func(pgx.Tx, ledger.FiringClaim) error { return nil })
	switch {
	case err != nil:
		return ledger.FiringClaim{}, err
	case claim == nil:
		return ledger.FiringClaim{}, busy
	}
	return *claim, nil
}

func notReconciled(name string, err error) error {
	explained := fmt.Errorf("%s: %w", name, err)
	switch {
	case errors.As(err, new(*jobs.RefusedError)):
		return cli.Usage(explained)
	case errors.As(err, new(*jobs.NothingEnqueuedError)):
		return explained
	}
	return fmt.Errorf("%w; all of it is in or nothing: \"audit reconciliations %s\" tells", explained, name)
}
