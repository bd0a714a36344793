package main

import (
	"context"
	"errors"
	"fmt"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

type purgeCommand struct {
	Before monthNumber `required:"" placeholder:"YYYYMM" help:"The first month that stays."`
	Output string      `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Actor
	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *purgeCommand) Help() string {
	return `Removes the rows and events of all runs of the months before, for good. The runs stay, with their counts and the ends of their chains, and
verify goes on to pass. Refused while a run of those months is open. It takes the user who owns the tables.

Example:

  audit purge --before 202609`
}

// Run purges.
func (c *purgeCommand) Run(ctx context.Context, streams cli.Streams) error {
	return owning(ctx, c.Database, func(books *ledger.Ledger) error {
		purged, err := books.Purge(ctx, int(c.Before), c.Name())
		if c.Output == "json" && err == nil {
			return cli.WriteJSON(streams.Out, purged)
		}
		runs := 0
		for _, p := range purged { // also those before it failed
			runs += p.Runs
			if _, failed := fmt.Fprintf(streams.Out, "%d: %s\n", p.Month, count(p.Runs, "run")); failed != nil {
				return errors.Join(err, failed)
			}
		}
		if err != nil {
			return err
		}
		what := "Nothing to purge"
		if len(purged) > 0 {
			what = fmt.Sprintf("Purged the rows and events of %s in %s", count(runs, "run"), count(len(purged), "month"))
		}
		_, err = fmt.Fprintln(streams.Out, what+".")
		return err
	})
}
