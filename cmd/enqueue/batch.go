package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
	"graphpatch/internal/source"
	"graphpatch/internal/userstatus"
)

// batch is rows that were found good, on their way to become a run. Where they come from no longer matters.
type batch struct {
	kind   string // the run's
	name   string // the run's, unless --name gives another
	from   string // how messages call the source
	tenant uuid.UUID
	origin int64   // the run whose rows these are, once more; 0: none
	known  []int64 // see ledger.NewRun

	rows        int
	skipped     int
	each        iter.Seq2[userstatus.Row, error]
	fingerprint [32]byte
	options     ledger.Options
	note        any // what the run keeps of its source; never a password

	described description // what a dry run says
	leftOut   string      // a line on rows that do not count, or ""
	kept      func() error
}

// enqueue makes the batch a run, or only describes it.
func (o *runOptions) enqueue(ctx context.Context, streams cli.Streams, b *batch) error {
	if o.DryRun {
		return o.describe(streams.Out, b, o.lookAhead(ctx, streams.Err, b))
	}
	return atDesk(ctx, o.Database, func(d desk) error {
		run, err := o.add(ctx, streams, d, b)
		if err != nil {
			return refused(b.from, err)
		}
		return o.afterwards(ctx, streams, d, run, b)
	})
}

// add is one transaction: all in or none in.
func (o *runOptions) add(ctx context.Context, streams cli.Streams, d desk, b *batch) (int64, error) {
	bar := newImportBar(ctx, streams.Err, b.rows)
	defer bar.close()
	run, _, err := d.enqueuer.Import(ctx, o.newRun(b), bar.count(b.each))
	return run, err
}

// afterwards is what follows when the rows are in: from here on a failure must not look as if they were not.
func (o *runOptions) afterwards(ctx context.Context, streams cli.Streams, d desk, run int64, b *batch) error {
	if b.kept != nil {
		if err := b.kept(); err != nil {
			return fmt.Errorf("run %d is enqueued, but %w", run, err)
		}
	}
	candidate := cli.Candidate{Tenant: b.tenant, Run: run, Priority: o.Priority, Rows: b.rows, Open: b.rows}
	outlook := o.lookOut(ctx, streams.Err, d, candidate)
	// A program that waits reads one report, that of the end.
	if !o.Wait || o.Output != "json" {
		if err := o.report(streams.Out, run, b, outlook); err != nil {
			return err
		}
	}
	if !o.Wait {
		return nil
	}
	return waitFor(ctx, streams, d, candidate, o.WriteLimit, o.Output)
}

// refused turns the refusals that a person can do something about into invalid input.
func refused(from string, err error) error {
	var duplicate *ledger.DuplicateError
	var changed *source.ChangedError
	var later *ledger.LaterError
	var server *pgconn.PgError
	switch {
	case errors.As(err, &duplicate):
		return cli.Usage(fmt.Errorf("%s: %w: nothing was enqueued; to send it once more use --again", from, duplicate))
	case errors.As(err, &later):
		return cli.Usage(fmt.Errorf("%s: %w: nothing was enqueued; begin again, and it will be looked at", from, later))
	case errors.As(err, &changed):
		return cli.Usage(fmt.Errorf("%w. Nothing was enqueued", changed))
	case errors.As(err, &server) && server.Severity == "ERROR":
		// The server's word that it has taken everything back.
		return fmt.Errorf("the import failed: %w. Nothing was enqueued", err)
	}
	// The answer to the COMMIT may have been lost, so it would be too much to say that nothing was enqueued.
	return fmt.Errorf("the import failed: %w; all of it is in or nothing: \"audit runs\" tells", err)
}
