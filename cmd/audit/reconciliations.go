package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type reconciliationsCommand struct {
	Name   string `arg:"" optional:"" help:"The firings of this reconciliation, newest first; without a name the latest firing of each."`
	Limit  int    `default:"20" placeholder:"N" help:"How many firings, 0 for all (default ${default})."`
	Output string `enum:"table,json,csv" default:"table" placeholder:"table|json|csv" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *reconciliationsCommand) Help() string {
	return `Examples:

  audit reconciliations

  audit reconciliations nightly --limit 0 --output csv > trend.csv`
}

// Validate checks what kong cannot; kong calls it.
func (c *reconciliationsCommand) Validate() error { return noNegative(c.Limit) }

// Run shows the firings.
func (c *reconciliationsCommand) Run(ctx context.Context, streams cli.Streams) error {
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		firings, err := a.Firings(ctx, audit.FiringFilter{Name: c.Name, Latest: c.Name == "", Limit: c.Limit})
		if err != nil {
			return err
		}
		switch c.Output {
		case "json":
			return cli.WriteJSON(streams.Out, append([]audit.Firing{}, firings...))
		case "csv":
			out := newCSVWriter(streams.Out, firingFields)
			for i := range firings {
				if err := out.write(&firings[i]); err != nil {
					return err
				}
			}
			return out.close()
		}
		return writeFirings(streams.Out, firings, viewOf(streams.Out))
	})
}

func writeFirings(w io.Writer, firings []audit.Firing, v view) error {
	if len(firings) == 0 {
		_, err := fmt.Fprintln(w, "no firings")
		return err
	}
	times := make([]time.Time, len(firings))
	for i := range firings {
		times[i] = firings[i].Due
	}
	heading, due := v.column("DUE", "2006-01-02 15:04", times)
	table := cli.NewTable(
		cli.Column{Title: "RECONCILIATION"}, cli.Column{Title: heading}, cli.Column{Title: "RUN"}, cli.Column{Title: "STATE"},
		cli.Column{Title: "ROWS", Right: true}, cli.Column{Title: "IN SYNC", Right: true}, cli.Column{Title: "CORRECTED", Right: true},
		cli.Column{Title: "LEFT ALONE", Right: true}, cli.Column{Title: "MISSING", Right: true},
		cli.Column{Title: "FAILED", Right: true}, cli.Column{Title: "OPEN", Right: true}, cli.Column{Title: "MISSED", Right: true},
		cli.Column{Title: "BY", Fit: cli.Spare},
	)
	var notes strings.Builder
	for i := range firings {
		f := &firings[i]
		table.Add(f.Name, due(f.Due), text(f.Run), stateOf(f), optional(f.Rows), optional(f.Unchanged), optional(f.Applied),
			notZero(value(f.LeftAlone)), notZero(value(f.Missing)), notZero(value(f.Failed)), notZero(value(f.Open)), notZero(f.Missed), f.Actor)
		switch {
		case f.Problem != nil:
			fmt.Fprintf(&notes, "%s of %s: %s\n", f.Name, due(f.Due), cli.Visible(strings.ReplaceAll(*f.Problem, "\n", "; ")))
		case f.State != nil && *f.State == "held":
			fmt.Fprintf(&notes, "Run %d is held: %s\n", *f.Run, cli.Visible(cmp.Or(text(f.Reason), "nobody said why")))
		}
	}
	if err := table.Write(w, v.width); err != nil {
		return err
	}
	_, err := io.WriteString(w, notes.String())
	return err
}

// stateOf is that of the run, or what became of a firing without one.
func stateOf(f *audit.Firing) string {
	switch {
	case f.State != nil:
		return *f.State
	case f.Outcome != nil:
		return *f.Outcome
	}
	return "reading"
}

func value(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

func optional(n *int) string {
	if n == nil {
		return ""
	}
	return number(*n)
}

// firingFields are the properties of a firing in JSON, in the same order.
var firingFields = []field[audit.Firing]{
	{"reconciliation", func(f *audit.Firing) string { return f.Name }},
	{"due", func(f *audit.Firing) string { return instant(&f.Due) }},
	{"actor", func(f *audit.Firing) string { return f.Actor }},
	{"missed", func(f *audit.Firing) string { return strconv.Itoa(f.Missed) }},
	{"claimedAt", func(f *audit.Firing) string { return instant(&f.ClaimedAt) }},
	{"endedAt", func(f *audit.Firing) string { return instant(f.EndedAt) }},
	{"outcome", func(f *audit.Firing) string { return text(f.Outcome) }},
	{"problem", func(f *audit.Firing) string { return text(f.Problem) }},
	{"run", func(f *audit.Firing) string { return text(f.Run) }},
	{"state", func(f *audit.Firing) string { return text(f.State) }},
	{"reason", func(f *audit.Firing) string { return text(f.Reason) }},
	{"rows", func(f *audit.Firing) string { return text(f.Rows) }},
	{"inSync", func(f *audit.Firing) string { return text(f.Unchanged) }},
	{"corrected", func(f *audit.Firing) string { return text(f.Applied) }},
	{"leftAlone", func(f *audit.Firing) string { return text(f.LeftAlone) }},
	{"missing", func(f *audit.Firing) string { return text(f.Missing) }},
	{"failed", func(f *audit.Firing) string { return text(f.Failed) }},
	{"open", func(f *audit.Firing) string { return text(f.Open) }},
}
