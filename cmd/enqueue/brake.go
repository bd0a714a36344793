package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
)

// brake is what hold, release and cancel have in common.
type brake struct {
	Runs   []runID `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it; several if you like."`
	Reason string  `placeholder:"TEXT" help:"Why, for the audit."`

	cli.Actor
	cli.Database
}

// Help is what --help adds; kong calls it.
func (b *brake) Help() string {
	return `It takes effect within a second, in every worker. What is on its way to Graph by then is finished and recorded.

Each run is done for itself. One that is already as it is to be is told and left as it is (exit code 0). One that does not exist, or has ended, is told too, and the others are done all the same (exit code 2).`
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
	releaseCommand struct {
		brake
		Blind bool `help:"Send what is open without reading the statuses first, for a run that cannot be read, or whose plan is old."`
	}
	cancelCommand struct{ brake }
)

// Run holds the runs.
func (c *holdCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.each(ctx, streams, func(d desk, run int64) error {
		if err := d.books.Hold(ctx, run, c.Actor.Name(), c.Reason); err != nil {
			return err
		}
		return d.tellStopped(ctx, streams.Out, run, "held", "open")
	})
}

// Run releases the runs.
func (c *releaseCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.each(ctx, streams, func(d desk, run int64) error {
		release := d.enqueuer.Release
		if c.Blind {
			release = d.enqueuer.ReleaseBlind
		}
		if err := release(ctx, run, c.Actor.Name(), c.Reason); err != nil {
			return err
		}
		r, err := d.books.Run(ctx, run)
		if err != nil {
			return err
		}
		if err := d.tellReleased(ctx, streams.Out, r); err != nil {
			return err
		}
		return d.warnUnserved(ctx, streams.Err, run, r)
	})
}

// Run cancels the runs.
func (c *cancelCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.each(ctx, streams, func(d desk, run int64) error {
		if err := d.books.Cancel(ctx, run, c.Actor.Name(), c.Reason); err != nil {
			return err
		}
		return d.tellStopped(ctx, streams.Out, run, "cancelled", "not sent any more")
	})
}

// each does one run after the other. The error joins those of all.
func (b *brake) each(ctx context.Context, streams cli.Streams, do func(d desk, run int64) error) error {
	return atDesk(ctx, b.Database, func(d desk) error {
		var faults []error
		failed := false
		for _, run := range b.Runs {
			err := do(d, int64(run))
			state, isState := errors.AsType[*ledger.StateError](err)
			switch {
			case err == nil:
			case isState && state.Already():
				if _, err := fmt.Fprintf(streams.Out, "%s.\n", cli.Visible(sentence(state))); err != nil {
					return err
				}
			case isState || errors.Is(err, ledger.ErrNoRun):
				faults = append(faults, err)
			default:
				faults, failed = append(faults, fmt.Errorf("run %d: %w", run, err)), true
			}
		}
		if failed {
			return errors.Join(faults...)
		}
		return cli.Usage(errors.Join(faults...))
	})
}

// sentence begins with a capital letter.
func sentence(err *ledger.StateError) string { return "R" + err.Error()[1:] }

// tellStopped says what was done to a run, and what has become and becomes of its rows.
func (d desk) tellStopped(ctx context.Context, w io.Writer, run int64, done, rest string) error {
	p, err := d.books.Progress(ctx, run)
	if err != nil {
		return err
	}
	flying, err := d.books.InFlight(ctx, run)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Run %d is %s: %s", run, done, counts(p))
	if open := p.Rows - p.Settled - flying; open > 0 {
		text += fmt.Sprintf("; %s %s", plural(open, "row"), rest)
	}
	if flying > 0 {
		text += fmt.Sprintf("; %s in flight, of which some may still be sent", humanize.Comma(int64(flying)))
	}
	_, err = fmt.Fprintf(w, "%s.\n", text)
	return err
}

// tellReleased says what a run that goes on has before it.
func (d desk) tellReleased(ctx context.Context, w io.Writer, run ledger.Run) error {
	p, err := d.books.Progress(ctx, run.ID)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Run %d is released: %s; %s open", run.ID, counts(p), plural(p.Rows-p.Settled, "row"))
	if run.State == ledger.Planning {
		text += ", whose statuses are read first"
	} else if run.CanaryRows > 0 {
		text += fmt.Sprintf("; held again when its first %s are settled", plural(int(run.CanaryRows), "row"))
	}
	_, err = fmt.Fprintf(w, "%s.\n", text)
	return err
}

// warnUnserved tells that nobody works the run now.
func (d desk) warnUnserved(ctx context.Context, stderr io.Writer, run int64, r ledger.Run) error {
	served, err := jobs.Served(ctx, d.pool, r.Tenant)
	if err != nil {
		return err
	}
	o := cli.Outlook{Tenant: r.Tenant, Served: served}
	if text := o.Unserved(); text != "" && (r.State == ledger.Running || r.State == ledger.Planning) {
		fmt.Fprintf(stderr, "warning: run %d is released, but %s: its rows wait until one is started\n", run, text)
	}
	return nil
}
