// Command audit reads what happened: runs, one run, events, one event, results, and whether all is as it was recorded. Only
// purge and erase change something.
package main

import (
	"github.com/alecthomas/kong"

	"graphpatch/internal/cli"
)

func main() { cli.Main("audit", description, &grammar{}) }

const description = `Shows what happened to runs, rows and requests, and whether that is what was recorded. Only purge and erase change anything.

Exit codes: 0 done (also when nothing was found), 1 failed or no such run, 2 wrong usage.`

type grammar struct {
	Runs    runsCommand    `cmd:"" help:"List runs, newest first."`
	Show    showCommand    `cmd:"" help:"Tell where one run stands, and why rows failed."`
	Events  eventsCommand  `cmd:"" help:"List events, newest first: every request and its answer, and what happened to runs."`
	Event   eventCommand   `cmd:"" help:"Show one event: the whole exchange, as it went over the wire."`
	User    userCommand    `cmd:"" help:"Tell the history of one person over all runs."`
	Export  exportCommand  `cmd:"" help:"Write all events that satisfy the filters, for a program."`
	Plan    planCommand    `cmd:"" help:"Write for each row of a run what Graph showed before it was sent, and what would be changed."`
	Results resultsCommand `cmd:"" help:"Write the file that was enqueued, with what became of each row."`

	Reconciliations reconciliationsCommand `cmd:"" help:"List what came of each firing of a reconciliation."`

	Verify     verifyCommand     `cmd:"" help:"Tell whether all is as it was recorded, and what is not."`
	Checkpoint checkpointCommand `cmd:"" help:"Write the digests that verify can be held against later."`

	Purge purgeCommand `cmd:"" help:"Remove the rows and events of months that are over, for good."`
	Erase eraseCommand `cmd:"" help:"Remove a person's values, for good."`

	Pseudonym pseudonymCommand `cmd:"" help:"Print what stands for a name in redacted bodies."`

	Version kong.VersionFlag `help:"Print the version."`
}
