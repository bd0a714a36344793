package main

import (
	"context"
	"errors"
	"fmt"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

// brake is what hold, release and cancel have in common.
type brake struct {
	RunID  runID  `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it."`
	Reason string `placeholder:"TEXT" help:"Why, for the audit."`

	cli.Actor
	cli.Database
}

// runID is a run's number on the command line.
type runID int64

// UnmarshalText says what a run's number looks like.
func (r *runID) UnmarshalText(text []byte) error {
	id, err := audit.ParseRun(string(text))
	*r = runID(id)
	return err
}

type (
	holdCommand    struct{ brake }
	releaseCommand struct{ brake }
	cancelCommand  struct{ brake }
)

// Run holds the run.
func (c *holdCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.apply(ctx, streams, "held", func(d desk) error {
		return d.books.Hold(ctx, int64(c.RunID), c.Actor.Name(), c.Reason)
	})
}

// Run releases the run.
func (c *releaseCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.apply(ctx, streams, "released", func(d desk) error {
		return d.enqueuer.Release(ctx, int64(c.RunID), c.Actor.Name(), c.Reason)
	})
}

// Run cancels the run.
func (c *cancelCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.apply(ctx, streams, "cancelled", func(d desk) error {
		return d.books.Cancel(ctx, int64(c.RunID), c.Actor.Name(), c.Reason)
	})
}

func (b *brake) apply(ctx context.Context, streams cli.Streams, done string, do func(desk) error) error {
	return atDesk(ctx, b.Database, func(d desk) error {
		err := do(d)
		var state *ledger.StateError
		if errors.Is(err, ledger.ErrNoRun) || errors.As(err, &state) {
			return cli.Usage(err)
		}
		if err != nil {
			return err
		}
		p, err := d.books.Progress(ctx, int64(b.RunID))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(streams.Out, "Run %d is %s: %s.\n", b.RunID, done, counts(p))
		return err
	})
}
