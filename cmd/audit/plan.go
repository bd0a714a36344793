package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type planCommand struct {
	RunNumber cli.RunNumber `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it."`
	Output    string        `short:"o" required:"" placeholder:"FILE" help:"Where to write; - is standard output. A file that exists is refused unless --force."`
	Force     bool          `help:"Replace the file if it exists."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *planCommand) Help() string {
	return `Writes CSV with a line for each row of the run: what its plan makes of it (unchanged, change, missing, or unread), the properties that
Graph shows otherwise, all values that it showed, and those that are wanted. audit show RUN counts them.

Example:

  audit plan 202611000042 -o plan.csv`
}

// Run writes the plan.
func (c *planCommand) Run(ctx context.Context, streams cli.Streams) error {
	out, err := createResults(c.Output, c.Force, streams.Out)
	if err != nil {
		return cli.Usage(err)
	}
	defer out.abandon()
	rows := 0
	err = reading(ctx, c.Database, func(a *audit.Audit) error {
		return a.PlanRows(ctx, int64(c.RunNumber), func(plan iter.Seq2[*audit.PlannedRow, error]) (err error) {
			rows, err = writePlanRows(out, plan, c.Output == "-" && cli.Width(streams.Out) > 0)
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := out.keep(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Err, "%s: %s\n", cli.Visible(c.Output), count(rows, "row"))
	return err
}

// planFields are the columns of the file. Its ids are those that enqueue csv takes.
var planFields = []field[audit.PlannedRow]{
	{"row", func(r *audit.PlannedRow) string { return strconv.Itoa(r.Row) }},
	{"line", func(r *audit.PlannedRow) string { return strconv.FormatInt(r.Line, 10) }},
	{"deviceConfigurationId", func(r *audit.PlannedRow) string { return r.DeviceConfigurationID }},
	{"route", func(r *audit.PlannedRow) string { return r.Route }},
	{"certificateId", func(r *audit.PlannedRow) string { return text(r.CertificateID) }},
	{"userStatusId", func(r *audit.PlannedRow) string { return r.UserStatusID }},
	{"plan", func(r *audit.PlannedRow) string { return r.Plan }},
	{"changes", func(r *audit.PlannedRow) string { return strings.Join(r.Changes, " ") }},
	{"before", func(r *audit.PlannedRow) string { return cell(values(r.Before)) }},
	{"wanted", func(r *audit.PlannedRow) string { return cell(values(r.Wanted)) }},
	{"readAt", func(r *audit.PlannedRow) string { return instant(r.ReadAt) }},
	{"note", func(r *audit.PlannedRow) string { return cell(r.Note) }},
}

func writePlanRows(w io.Writer, plan iter.Seq2[*audit.PlannedRow, error], visible bool) (rows int, err error) {
	buffered := bufio.NewWriterSize(w, 1<<16)
	out := newCSVWriter(buffered, planFields)
	out.visible = visible
	for r, err := range plan {
		if err != nil {
			return rows, err
		}
		rows++
		if err := out.write(r); err != nil {
			return rows, err
		}
	}
	if err := out.close(); err != nil {
		return rows, err
	}
	return rows, buffered.Flush()
}
