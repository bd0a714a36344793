package main

import (
	"context"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type exportCommand struct {
	RunNumber cli.RunNumber `name:"run" placeholder:"NUMBER" help:"Only events of this run."`
	cli.EventFlags
	Format string `enum:"csv,jsonl" required:"" placeholder:"csv|jsonl" help:"With a header line, or one object on each line."`
	Bodies bool   `help:"Also bodies and headers, as they went over the wire; what is not UTF-8 is given as base64: and its code."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *exportCommand) Help() string {
	return `Writes all events that satisfy the filters, newest first, as they are read: whatever their number, it takes no more memory. Of one run, standard error says where its chain ends: audit verify can be held against that.

Example:

  audit export --since 30d --format jsonl | gzip > events.jsonl.gz`
}

// Validate checks what kong cannot; kong calls it.
func (c *exportCommand) Validate() error {
	_, err := c.Filter(c.RunNumber, time.Now())
	return err
}

// Run writes the events.
func (c *exportCommand) Run(ctx context.Context, streams cli.Streams) error {
	filter, err := c.Filter(c.RunNumber, time.Now())
	if err != nil {
		return cli.Usage(err)
	}
	filter.Bodies = c.Bodies
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		if err := writeEventsAs(c.Format, streams.Out, a.Events(ctx, filter), c.Bodies); err != nil || filter.Run == 0 {
			return err
		}
		d, err := a.Show(ctx, filter.Run)
		if err != nil || d.Digest == nil {
			return err
		}
		return tellChain(streams.Err, &d)
	})
}
