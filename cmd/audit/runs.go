package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type runsCommand struct {
	Tenant cli.GUID `placeholder:"GUID" help:"Only runs of this tenant."`
	State  string   `enum:",planning,running,held,finished,cancelled" default:"" placeholder:"STATE" help:"Only planning, running, held, finished or cancelled runs."`
	Limit  int      `default:"20" placeholder:"N" help:"How many runs, 0 for all (default ${default})."`
	Output string   `enum:"table,json,csv" default:"table" placeholder:"table|json|csv" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *runsCommand) Help() string {
	return `Examples:

  audit runs --state held

  audit runs --limit 0 --output csv > runs.csv`
}

// Validate checks what kong cannot; kong calls it.
func (c *runsCommand) Validate() error { return noNegative(c.Limit) }

// Run lists the runs.
func (c *runsCommand) Run(ctx context.Context, streams cli.Streams) error {
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		runs, err := a.Runs(ctx, audit.RunFilter{Tenant: uuid.UUID(c.Tenant), State: c.State, Limit: c.Limit})
		if err != nil {
			return err
		}
		switch c.Output {
		case "json":
			return cli.WriteJSON(streams.Out, append([]audit.Run{}, runs...))
		case "csv":
			return writeRunsCSV(streams.Out, runs)
		}
		return writeRuns(streams.Out, runs, viewOf(streams.Out))
	})
}

func writeRuns(w io.Writer, runs []audit.Run, v view) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "no runs")
		return err
	}
	heading, created := v.column("CREATED", "2006-01-02 15:04", createdAt(runs))
	table := cli.NewTable(
		cli.Column{Title: "RUN"}, cli.Column{Title: "STATE"}, cli.Column{Title: heading},
		cli.Column{Title: "ROWS", Right: true}, cli.Column{Title: "OPEN", Right: true},
		cli.Column{Title: "REJECTED", Right: true}, cli.Column{Title: "FAILED", Right: true},
		cli.Column{Title: "NAME", Fit: cli.Cut}, cli.Column{Title: "BY", Fit: cli.Spare},
	)
	var notes strings.Builder
	for i := range runs {
		r := &runs[i]
		table.Add(strconv.FormatInt(r.ID, 10), r.State, created(r.CreatedAt), number(r.Rows), number(r.Open),
			notZero(r.Rejected), notZero(r.Failed), r.Name, r.Actor)
		switch {
		case r.State == "held":
			fmt.Fprintf(&notes, "Run %d is held: %s\n", r.ID, reason(r))
		case r.Cancelled > 0:
			fmt.Fprintf(&notes, "Run %d is cancelled: %s not sent any more\n", r.ID, count(r.Cancelled, "row"))
		}
	}
	if err := table.Write(w, v.width); err != nil {
		return err
	}
	_, err := io.WriteString(w, notes.String())
	return err
}

func createdAt(runs []audit.Run) []time.Time {
	times := make([]time.Time, len(runs))
	for i := range runs {
		times[i] = runs[i].CreatedAt
	}
	return times
}

// notZero keeps a column of misfortunes empty where there are none, so that the others are seen.
func notZero(n int) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

func writeRunsCSV(w io.Writer, runs []audit.Run) error {
	out := newCSVWriter(w, runFields)
	for i := range runs {
		if err := out.write(&runs[i]); err != nil {
			return err
		}
	}
	return out.close()
}

// runFields are the properties of a run in JSON, in the same order.
var runFields = []field[audit.Run]{
	{"run", func(r *audit.Run) string { return strconv.FormatInt(r.ID, 10) }},
	{"kind", func(r *audit.Run) string { return r.Kind }},
	{"name", func(r *audit.Run) string { return r.Name }},
	{"actor", func(r *audit.Run) string { return r.Actor }},
	{"tenant", func(r *audit.Run) string { return r.Tenant.String() }},
	{"priority", func(r *audit.Run) string { return strconv.Itoa(r.Priority) }},
	{"state", func(r *audit.Run) string { return r.State }},
	{"reason", func(r *audit.Run) string { return text(r.Reason) }},
	{"canary", func(r *audit.Run) string { return r.Canary }},
	{"canaryRows", func(r *audit.Run) string { return text(r.CanaryRows) }},
	{"maxFailures", func(r *audit.Run) string { return text(r.MaxFailures) }},
	{"repeat", func(r *audit.Run) string { return strconv.Itoa(r.Repeat) }},
	{"createdAt", func(r *audit.Run) string { return instant(&r.CreatedAt) }},
	{"finishedAt", func(r *audit.Run) string { return instant(r.FinishedAt) }},
	{"rows", func(r *audit.Run) string { return strconv.Itoa(r.Rows) }},
	{"settled", func(r *audit.Run) string { return strconv.Itoa(r.Settled) }},
	{"open", func(r *audit.Run) string { return strconv.Itoa(r.Open) }},
	{"cancelled", func(r *audit.Run) string { return strconv.Itoa(r.Cancelled) }},
	{"applied", func(r *audit.Run) string { return strconv.Itoa(r.Applied) }},
	{"rejected", func(r *audit.Run) string { return strconv.Itoa(r.Rejected) }},
	{"failed", func(r *audit.Run) string { return strconv.Itoa(r.Failed) }},
	{"unchanged", func(r *audit.Run) string { return strconv.Itoa(r.Unchanged) }},
	{"superseded", func(r *audit.Run) string { return strconv.Itoa(r.Superseded) }},
	{"moved", func(r *audit.Run) string { return strconv.Itoa(r.Moved) }},
	{"missing", func(r *audit.Run) string { return strconv.Itoa(r.Missing) }},
	{"observed", func(r *audit.Run) string { return strconv.Itoa(r.Observed) }},
	{"throttled", func(r *audit.Run) string { return strconv.Itoa(r.Throttled) }},
	{"unauthorized", func(r *audit.Run) string { return strconv.Itoa(r.Unauthorized) }},
	{"refused", func(r *audit.Run) string { return strconv.Itoa(r.Refused) }},
	{"transient", func(r *audit.Run) string { return strconv.Itoa(r.Transient) }},
	{"unknown", func(r *audit.Run) string { return strconv.Itoa(r.Unknown) }},
	{"late", func(r *audit.Run) string { return strconv.Itoa(r.Late) }},
	{"requests", func(r *audit.Run) string { return strconv.Itoa(r.Requests) }},
}
