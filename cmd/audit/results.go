package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type resultsCommand struct {
	RunNumber       cli.RunNumber   `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it."`
	Output          string          `short:"o" required:"" placeholder:"FILE" help:"Where to write; - is standard output. A file that exists is refused unless --force."`
	Outcome         []resultOutcome `placeholder:"OUTCOME" help:"Only rows with these outcomes: applied, rejected, failed, unchanged, superseded, moved, missing, open, cancelled. Repeatable, or with commas."`
	SpreadsheetSafe bool            `help:"Put an apostrophe before what a spreadsheet would run as a formula. Such cells are not what they were: do not enqueue the file."`
	Force           bool            `help:"Replace the file if it exists."`

	cli.Database
}

// resultOutcome is a flag that reads itself.
type resultOutcome string

func (o *resultOutcome) UnmarshalText(b []byte) error {
	name, err := audit.ParseResultOutcome(string(b))
	*o = resultOutcome(name)
	return err
}

// Help is what --help adds; kong calls it.
func (c *resultsCommand) Help() string {
	return `Writes the file that was enqueued as it was: its columns, order, encoding, delimiter and quotes. To each row it adds columns that
say what became of it, whose names begin with graphpatch_. enqueue csv ignores those, so that the rows can be enqueued again.

Examples:

  audit results 202611000042 -o results.csv

  audit results 202611000042 --outcome rejected,failed -o again.csv`
}

// Run writes the results.
func (c *resultsCommand) Run(ctx context.Context, streams cli.Streams) error {
	filter := audit.ResultFilter{Run: int64(c.RunNumber)}
	for _, o := range c.Outcome {
		filter.Outcomes = append(filter.Outcomes, string(o))
	}
	out, err := createResults(c.Output, c.Force, streams.Out)
	if err != nil {
		return cli.Usage(err)
	}
	defer out.abandon()
	var d audit.Detail
	var note *fileNote
	rows := 0
	err = reading(ctx, c.Database, func(a *audit.Audit) error {
		return a.Results(ctx, filter, func(run audit.Detail, results iter.Seq2[*audit.Result, error]) (err error) {
			d = run
			if note, err = readNote(d.Source); err != nil {
				return fmt.Errorf("run %d: read what it notes of its file: %w", d.ID, err)
			}
			rows, err = writeResults(out, c.table(note, streams.Out), results)
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := out.keep(); err != nil {
		return err
	}
	return c.tell(streams.Err, &d, note, rows)
}

func (c *resultsCommand) table(note *fileNote, stdout io.Writer) *resultTable {
	t := newResultTable(note)
	t.all = len(c.Outcome) == 0
	switch {
	case c.Output == "-" && cli.Width(stdout) > 0:
		t.alter = cli.Visible // a terminal would obey what is in the cells
	case c.SpreadsheetSafe:
		t.alter = harmless
	}
	return t
}

// tell says what was written, and what it takes to enqueue it again.
func (c *resultsCommand) tell(w io.Writer, d *audit.Detail, note *fileNote, rows int) error {
	what := fmt.Sprintf("%s: %s of %s", cli.Visible(c.Output), count(rows, "row"), number(d.Rows))
	if c.Output == "-" {
		what = fmt.Sprintf("%s of %s", count(rows, "row"), number(d.Rows))
	}
	if note.Skipped > 0 {
		what += fmt.Sprintf("; %s of the file %s skipped when it was enqueued", count(note.Skipped, "row"), wasOrWere(note.Skipped))
	}
	if _, err := fmt.Fprintln(w, what); err != nil {
		return err
	}
	if d.Digest != nil {
		if err := tellChain(w, d); err != nil {
			return err
		}
	}
	flags := note.flags()
	if strings.Contains(string(d.Options), `"duplicates": true`) {
		flags = append(flags, "--on-duplicate", "last")
	}
	if rows == 0 || len(flags) == 0 || c.SpreadsheetSafe {
		return nil
	}
	_, err := fmt.Fprintf(w, "To enqueue it again it takes %s\n", strings.Join(flags, " "))
	return err
}

func wasOrWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// formula are the characters with which a spreadsheet takes a cell for a formula, those of East Asian width included.
const formula = "=+-@＝＋－＠"

// harmless is the cell with an apostrophe before it, if a spreadsheet would run it. White space before a formula does not
// keep all of them from it, and some take a leading tab or line end away. A plain number stays one.
func harmless(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, isBlank))
	if strings.ContainsRune(formula, first) && !isNumber(cell) {
		return "'" + cell
	}
	if cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// tellChain says where the chain of a run ends, for whoever keeps what was written: verify can be held against it.
func tellChain(w io.Writer, d *audit.Detail) error {
	_, err := fmt.Fprintf(w, "The chain of the run ends at commit %d, digest %s\n", *d.Commit, *d.Digest)
	return err
}
