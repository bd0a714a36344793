package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

type eraseCommand struct {
	User   string `required:"" placeholder:"UPN" help:"The person's userPrincipalName; case does not matter."`
	Reason string `placeholder:"TEXT" help:"Why, for the audit. It stays, so it must not name the person."`
	Output string `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Actor
	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *eraseCommand) Help() string {
	return `Removes a person's values, for good: wanted values and other cells of the rows of their statuses; bodies and errors of the events of those,
and of every other event that has the name in one. Ids, outcomes, times and hashes stay; each row gets an event that says so, and verify goes
on to pass. Refused while a run with such rows is open. It takes the user who owns the tables, and reads the whole history.

Files that were enqueued, results, exports, logs and backups are yours to look after.

Example:

  audit erase --user anna@contoso.com --reason "request 4711"`
}

// Validate checks what kong cannot; kong calls it.
func (c *eraseCommand) Validate() error {
	var faults []error
	if !strings.Contains(c.User, "@") {
		faults = append(faults, fmt.Errorf("--user=%s: write the whole userPrincipalName, such as anna@contoso.com", c.User))
	} else if strings.Contains(strings.ToLower(c.Reason+c.Actor.Actor), strings.ToLower(c.User)) {
		faults = append(faults, errors.New("--reason and --actor stay: they must not name the person"))
	}
	return errors.Join(faults...)
}

// Run erases.
func (c *eraseCommand) Run(ctx context.Context, streams cli.Streams) error {
	return owning(ctx, c.Database, func(books *ledger.Ledger) error {
		erased, err := books.Erase(ctx, c.User, c.Name(), c.Reason)
		switch {
		case err != nil:
			return err
		case c.Output == "json":
			return cli.WriteJSON(streams.Out, erased)
		case erased == ledger.Erased{}:
			_, err = fmt.Fprintln(streams.Out, "There is nothing of this user.")
		default:
			_, err = fmt.Fprintf(streams.Out, "Removed the values from %s and %s in %s.\n", count(erased.Rows, "row"), count(erased.Events, "event"), count(erased.Runs, "run"))
		}
		return err
	})
}
