package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

type verifyCommand struct {
	RunNumber cli.RunNumber `arg:"" optional:"" name:"run" help:"Only this run; without it all of them."`
	Month     monthNumber   `placeholder:"YYYYMM" help:"Only runs of this month."`
	Against   string        `placeholder:"FILE" help:"Hold against digests that were exported before: a file of audit checkpoint, or a worker's log in JSON; - is standard input."`
	Limit     int           `default:"50" placeholder:"N" help:"How many findings to tell, 0 for all (default ${default})."`
	Output    string        `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *verifyCommand) Help() string {
	return `Works out anew the digests of runs, rows and events, and tells which was altered, inserted or removed; also whether each settled row
has its one final event, the counts are those of the events, and nothing is in flight longer than a claim lasts. Whoever owns the tables
can rewrite all digests as well: that shows only against digests that were exported before. See docs/proof.md.

Exit codes: 0 all is as it was recorded, 1 it is not, or that could not be told.

Examples:

  audit verify 202611000042

  audit verify --month 202611 --against checkpoint.jsonl`
}

// Validate checks what kong cannot; kong calls it.
func (c *verifyCommand) Validate() error { return noNegative(c.Limit) }

// overdueAfter is what a claim lasts, and time for maintenance to notice: it looks every 15 s, one worker for all.
const overdueAfter = ledger.Lease + time.Minute

// Run verifies.
func (c *verifyCommand) Run(ctx context.Context, streams cli.Streams) error {
	against, err := c.exported(streams.In)
	if err != nil {
		return cli.Usage(err)
	}
	f := audit.VerifyFilter{Run: int64(c.RunNumber), Month: int(c.Month), Lease: overdueAfter, Against: against}
	var seen audit.Verified
	findings := []audit.Finding{}
	err = reading(ctx, c.Database, func(a *audit.Audit) (err error) {
		seen, err = a.Verify(ctx, f, func(finding audit.Finding) error {
			if c.Limit == 0 || len(findings) < c.Limit {
				findings = append(findings, finding)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = cli.WriteJSON(streams.Out, struct {
			audit.Verified
			Told []audit.Finding `json:"told"`
		}{seen, findings})
	} else {
		err = writeVerified(streams.Out, seen, findings)
	}
	if err == nil && seen.Findings > 0 {
		err = &cli.Error{Code: cli.ExitFailed}
	}
	return err
}

func (c *verifyCommand) exported(stdin io.Reader) (audit.Exported, error) {
	switch c.Against {
	case "":
		return nil, nil
	case "-":
		e, err := audit.ReadExported(stdin)
		if err != nil {
			err = fmt.Errorf("--against -: %w", err)
		}
		return e, err
	}
	file, err := os.Open(c.Against)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	e, err := audit.ReadExported(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("--against %s: %w", c.Against, err)
	}
	return e, nil
}

// writeVerified tells each finding on a line, and then what was looked at.
func writeVerified(w io.Writer, seen audit.Verified, findings []audit.Finding) error {
	out := bufio.NewWriter(w)
	for i := range findings {
		fmt.Fprintln(out, cli.Visible(findingText(&findings[i])))
	}
	if more := seen.Findings - len(findings); more > 0 {
		fmt.Fprintf(out, "… and %s more; --limit 0 tells all.\n", number(more))
	}
	what := "All is as it was recorded"
	if seen.Findings > 0 {
		what = count(seen.Findings, "finding")
	}
	fmt.Fprintf(out, "%s: %s, %s, %s in %s", what, count(seen.Runs, "run"), count(seen.Rows, "row"), count(seen.Events, "event"), count(seen.Commits, "commit"))
	for _, also := range [...]struct {
		n    int
		what string
	}{
		{seen.Exported, "held against exported digests"},
		{seen.Erased, "without a person's values, as events say"},
		{seen.Purged, "of purged runs"},
		{seen.Unchained, "of runs older than the chain"},
	} {
		if also.n > 0 {
			fmt.Fprintf(out, "; %s %s", number(also.n), also.what)
		}
	}
	fmt.Fprintln(out, ".")
	return out.Flush()
}

func findingText(f *audit.Finding) string {
	where := ""
	if f.Run != 0 {
		where = fmt.Sprintf("run %d", f.Run)
		if f.Row != nil && *f.Row > 0 {
			where += ", row " + number(int(*f.Row))
		}
		if f.Commit != nil {
			where += ", commit " + number(int(*f.Commit))
		}
		where += ": "
	}
	return where + f.What + ": " + f.Detail
}
