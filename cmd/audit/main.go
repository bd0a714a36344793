// Command audit reads what happened: runs, one run, events, results. It changes nothing.
package main

import (
	"github.com/alecthomas/kong"

	"graphpatch/internal/cli"
)

func main() { cli.Main("audit", description, &grammar{}) }

const description = `Shows what happened to runs, rows and requests. It changes nothing.

Exit codes: 0 done (also when nothing was found), 1 failed or no such run, 2 wrong usage.`

type grammar struct {
	Runs    runsCommand    `cmd:"" help:"List runs, newest first."`
	Show    showCommand    `cmd:"" help:"Tell where one run stands, and why rows failed."`
	Events  eventsCommand  `cmd:"" help:"List events, newest first: every request and its answer, and what happened to runs."`
	Plan    planCommand    `cmd:"" help:"Write for each row of a run what Graph showed before it was sent, and what would be changed."`
	Results resultsCommand `cmd:"" help:"Write the file that was enqueued, with what became of each row."`

	Version kong.VersionFlag `help:"Print the version."`
}
