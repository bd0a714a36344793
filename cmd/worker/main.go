// Command worker does the work: it sends the updates of enqueued runs to Microsoft Graph, within its limit, and records
// every exchange.
package main

import (
	"context"

	"github.com/alecthomas/kong"

	"graphpatch/internal/cli"
)

func main() {
	cli.Main("worker", `Sends the enqueued updates to Microsoft Graph and records every exchange.

Exit codes: 0 done, 1 failed, 2 wrong usage. With --drain, 3 is that a run finished with rows rejected, and 1 also that one was held meanwhile.`, &grammar{})
}

type grammar struct {
	Run     runCommand     `cmd:"" default:"withargs" help:"Work until told to stop (the default)."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to the schema this program needs, River's tables included."`
	Check   checkCommand   `cmd:"" help:"See whether everything is ready: database, configuration, token, permission, Graph."`
	Login   loginCommand   `cmd:"" help:"Log in as a user, with a code and a browser anywhere, for the worker to use."`
	Logout  logoutCommand  `cmd:"" help:"Forget what login kept."`

	Version kong.VersionFlag `help:"Print the version."`
}

type migrateCommand struct {
	cli.Database
}

// Run migrates the database.
func (c *migrateCommand) Run(ctx context.Context, streams cli.Streams) error {
	return c.Migrate(ctx, streams.Out)
}
