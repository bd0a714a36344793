package main

import (
	"context"
	"fmt"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type checkpointCommand struct {
	Month  monthNumber `placeholder:"YYYYMM" help:"Only runs of this month."`
	Output string      `short:"o" required:"" placeholder:"FILE" help:"Where to write; - is standard output. A file that exists is refused unless --force."`
	Force  bool        `help:"Replace the file if it exists."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *checkpointCommand) Help() string {
	return `Writes where the chain of each run stands: a line of JSON with its month, number, last commit and digest. Keep the file where nobody who
can write to the database can change it. audit verify --against it notices whatever is changed of what was recorded until now.

Example:

  audit checkpoint -o checkpoint.jsonl`
}

// Run writes the checkpoint.
func (c *checkpointCommand) Run(ctx context.Context, streams cli.Streams) error {
	out, err := createResults(c.Output, c.Force, streams.Out)
	if err != nil {
		return cli.Usage(err)
	}
	defer out.abandon()
	var heads []audit.Head
	err = reading(ctx, c.Database, func(a *audit.Audit) (err error) {
		heads, err = a.Checkpoint(ctx, int(c.Month))
		return err
	})
	if err != nil {
		return err
	}
	for i := range heads {
		line, err := cli.JSON(&heads[i])
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := out.keep(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Err, "The ends of the chains of %s.\n", count(len(heads), "run"))
	return err
}
