package main

import (
	"context"
	"fmt"
	"path/filepath"

	"graphpatch/internal/cli"
	"graphpatch/internal/source"
)

type csvCommand struct {
	File string `arg:"" help:"The CSV file, or - for standard input."`
	tableOptions
	Delimiter string `placeholder:"CHAR" help:"What separates the cells: , ; | or tab. Not set: found out."`
	runOptions
}

// Run imports the file.
func (c *csvCommand) Run(ctx context.Context, streams cli.Streams) error {
	tenant, err := c.findTenant(ctx)
	if err != nil {
		return err
	}
	delimiter, err := cli.ParseDelimiter(c.Delimiter)
	if err != nil {
		return cli.Usage(fmt.Errorf("--delimiter %w", err))
	}
	in, err := open(ctx, c.File, streams.In)
	if err != nil {
		return cli.Usage(err)
	}
	defer in.close()
	return c.tableOptions.enqueue(ctx, streams, &c.runOptions, tenant, table{
		CSVConfig: source.CSVConfig{Name: in.name, Open: in.open, Delimiter: delimiter},
		kind:      "csv",
		name:      filepath.Base(in.name),
		note:      func(n *source.Note) { n.File = in.name },
		says: func(d *description) {
			d.File = in.name
			d.written = fmt.Sprintf("%s, delimiter %q, sha256 %.12s…", d.Encoding, d.Delimiter, d.SHA256)
		},
	})
}
