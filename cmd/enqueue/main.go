// Command enqueue puts work in: it turns a CSV file, a query or rows of an earlier run into a run, and holds, releases and
// cancels runs.
package main

import (
	"github.com/alecthomas/kong"

	"graphpatch/internal/cli"
)

func main() {
	cli.Main("enqueue", `Puts updates of Intune user statuses into the queue. Workers send them to Microsoft Graph.

Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input (nothing was enqueued), 3 finished with rows rejected. With --wait, 1 is also that the run was held or cancelled.`, &grammar{})
}

type grammar struct {
	CSV       csvCommand       `cmd:"" name:"csv" help:"Import a CSV file as a run: all of it or nothing."`
	SQL       sqlCommand       `cmd:"" name:"sql" help:"Import what a database's query returns as a run: all of it or nothing."`
	Replay    replayCommand    `cmd:"" help:"Send rows of an earlier run again: those that were rejected or failed, or others."`
	Revert    revertCommand    `cmd:"" help:"Take back what an earlier run did: a run on hold that asks for the values from before."`
	Reconcile reconcileCommand `cmd:"" help:"Fire a reconciliation of the --config file now."`
	Hold      holdCommand      `cmd:"" help:"Make runs stand still. What is in flight is finished."`
	Release   releaseCommand   `cmd:"" help:"Let held runs go on."`
	Cancel    cancelCommand    `cmd:"" help:"End runs. Their open rows are not sent any more."`

	Version kong.VersionFlag `help:"Print the version."`
}
