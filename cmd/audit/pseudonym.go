package main

import (
	"errors"
	"fmt"
	"os"

	"graphpatch/internal/cli"
	"graphpatch/internal/jobs"
)

type pseudonymCommand struct {
	Name string `arg:"" help:"A userPrincipalName or userDisplayName; case does not matter."`
}

// Help is what --help adds; kong calls it.
func (c *pseudonymCommand) Help() string {
	return `Prints what stands for a name in bodies that were stored redacted. The key is the one of the worker, in GRAPHPATCH_PSEUDONYM_KEY.

Example:

  audit events --limit 0 --bodies --output json | grep "$(audit pseudonym anna@contoso.com)"`
}

// Run prints it.
func (c *pseudonymCommand) Run(streams cli.Streams) error {
	key := os.Getenv(cli.PseudonymKey)
	if key == "" {
		return cli.Usage(errors.New("the key by which names were hashed is missing: set " + cli.PseudonymKey))
	}
	_, err := fmt.Fprintln(streams.Out, jobs.Pseudonym([]byte(key), c.Name))
	return err
}
