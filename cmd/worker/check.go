package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"graphpatch/internal/cli"
)

type checkCommand struct {
	Row    string            `placeholder:"FILE:LINE" help:"Also send the one row that begins at that line of a CSV file, as a run of its own, and read it back. This changes the status in the tenant."`
	Map    map[string]string `mapsep:"none" placeholder:"COLUMN=PROPERTY" help:"For --row, as with enqueue csv: read a property from a column of another name. Repeatable."`
	Set    map[string]string `mapsep:"none" placeholder:"PROPERTY=VALUE" help:"For --row, as with enqueue csv: the same value for every row. Repeatable."`
	Output string            `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Actor
	cli.ConfigFile
	cli.Graph
	cli.StoreBodies
	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *checkCommand) Help() string {
	return `Looks at the database, the configuration, the token and its permissions, and asks Graph one question. Nothing is changed, but with --row. With --config it looks at every tenant of the file, or at the one that --tenant names.

Exit codes: 0 all is well, perhaps with warnings; 1 something failed; 2 wrong usage.`
}

// result is how one look ended.
type result string

const (
	isOK    result = "ok"
	warning result = "warning"
	failed  result = "failed"
)

// finding is what one look found.
type finding struct {
	Check  string `json:"check"`
	Result result `json:"result"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"` // what would mend it
}

// findings are what all looks found, in their order.
type findings []finding

func (f *findings) ok(check, format string, args ...any) { f.add(check, isOK, "", format, args...) }

func (f *findings) warn(check, do, format string, args ...any) {
	f.add(check, warning, do, format, args...)
}

func (f *findings) fail(check, do, format string, args ...any) {
	f.add(check, failed, do, format, args...)
}

func (f *findings) add(check string, r result, do, format string, args ...any) {
	*f = append(*f, finding{check, r, fmt.Sprintf(format, args...), do})
}

func (f findings) failed() bool {
	for _, one := range f {
		if one.Result == failed {
			return true
		}
	}
	return false
}

// served are the tenants to look at.
func (c *checkCommand) served() ([]cli.Served, error) {
	served, err := c.ConfigFile.ServedNamed(c.Graph)
	if err != nil {
		return nil, err
	}
	return served, c.Keep(served)
}

// Validate reports what does not go together; kong calls it.
func (c *checkCommand) Validate() error {
	if c.Row != "" && c.ConfigPath != "" && c.Tenant.Tenant == "" {
		return errors.New("--row with --config: name the tenant that the row is for with --tenant")
	}
	return nil
}

// Run looks at everything and says what it found.
func (c *checkCommand) Run(ctx context.Context, streams cli.Streams) error {
	var row *place
	if c.Row != "" {
		at, err := parsePlace(c.Row)
		if err != nil {
			return cli.Usage(err)
		}
		row = &at
	}
	l := look{command: c, log: slog.New(slog.DiscardHandler)}
	defer l.close(ctx)
	l.all(ctx, row)
	if err := ctx.Err(); err != nil {
		return errors.New("interrupted")
	}
	if err := l.found.write(streams.Out, c.Output); err != nil {
		return err
	}
	if l.found.failed() {
		return &cli.Error{Code: cli.ExitFailed}
	}
	return nil
}

func (f findings) write(w io.Writer, output string) error {
	if output == "json" {
		return cli.WriteJSON(w, f)
	}
	table := cli.NewTable(cli.Column{}, cli.Column{}, cli.Column{Fit: cli.Wrap})
	for _, one := range f {
		for i, line := range strings.Split(strings.ReplaceAll(one.Found, "\t", "  "), "\n") {
			if i == 0 {
				table.Add(string(one.Result), one.Check, line)
				continue
			}
			table.Add("", "", line)
		}
		if one.Do != "" {
			table.Add("", "", "→ "+one.Do)
		}
	}
	return table.Write(w, cli.Width(w))
}
