package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
	"graphpatch/internal/source"
)

type csvCommand struct {
	File        string              `arg:"" help:"The CSV file, or - for standard input."`
	Map         map[string]string   `mapsep:"none" placeholder:"COLUMN=PROPERTY" help:"Read a property from a column of another name. Repeatable."`
	Set         map[string]string   `mapsep:"none" placeholder:"PROPERTY=VALUE" help:"The same value for every row. Repeatable."`
	Delimiter   string              `placeholder:"CHAR" help:"What separates the cells: , ; | or tab. Not set: found out."`
	EmptyAs     string              `enum:"absent,null" default:"absent" placeholder:"absent|null" help:"What an empty cell of userDisplayName and userPrincipalName asks for: nothing, or null (default ${default})."`
	OnDuplicate string              `enum:"fault,last" default:"fault" placeholder:"fault|last" help:"Rows that address the same status: a fault, or the last one wins (default ${default})."`
	SkipInvalid string              `type:"path" placeholder:"FILE" help:"Leave invalid rows out and write them to FILE with the reasons."`
	Again       bool                `help:"Import content that was imported before."`
	DryRun      bool                `help:"Validate, say what would be done, and enqueue nothing."`
	Wait        bool                `help:"Wait until the run is finished, held or cancelled, and show its progress. Exit code 3: finished with rows rejected or failed; 1: held or cancelled."`
	Hold        bool                `help:"Enqueue the run on hold, for release later."`
	Blind       bool                `help:"Send every row without reading its status first. Not set: what Graph shows as it is wanted is not sent, and is settled as unchanged."`
	Plan        bool                `help:"Read the statuses, then hold the run for a person to look at what would be changed; release sends it."`
	Recheck     bool                `help:"Read a status again just before its row is sent, when it was read more than 5 minutes before; a status that somebody else has changed since is left alone, and its row is settled as moved."`
	SkipMissing bool                `help:"Do not send rows whose statuses Graph does not have: they are settled as missing."`
	Canary      *int32              `placeholder:"N" help:"Send the first N rows, then hold the run for a person to look at them; release sends the others. Not set: the first row goes alone and is read back, as always, and the others follow by themselves."`
	MaxFailures ledger.FailureLimit `default:"5%" placeholder:"N|P%" help:"Hold the run once N rows were rejected or failed, or more than P % of the settled ones, looked at from 100 on; 100% is no limit (default ${default}). Throttling and waiting never count; a release begins to count anew."`
	Name        string              `placeholder:"TEXT" help:"A name for the run (default: the file's)."`
	Priority    int                 `default:"2" placeholder:"1-4" help:"1 is worked before 4 (default ${default})."`
	Output      string              `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Actor
	cli.ConfigFile
	cli.Tenant
	cli.Database
}

// Validate reports what does not go together; kong calls it.
func (c *csvCommand) Validate() error {
	var faults []error
	if c.Priority < 1 || c.Priority > 4 {
		faults = append(faults, fmt.Errorf("--priority %d: use 1 to 4", c.Priority))
	}
	if c.Canary != nil && *c.Canary < 1 {
		faults = append(faults, fmt.Errorf("--canary %d: use 1 or more; without it the rows follow by themselves when the first one stuck", *c.Canary))
	}
	if c.Hold && c.Wait && !c.Plan {
		faults = append(faults, errors.New("--hold and --wait: a run on hold is not worked, so there is nothing to wait for"))
	}
	if c.Blind && (c.Plan || c.Recheck || c.SkipMissing) {
		faults = append(faults, errors.New("--blind reads nothing: leave out --plan, --recheck and --skip-missing"))
	}
	if c.DryRun && (c.Wait || c.Hold) {
		faults = append(faults, errors.New("--dry-run enqueues nothing: leave out --wait and --hold"))
	}
	return errors.Join(faults...)
}

// Run imports the file.
func (c *csvCommand) Run(ctx context.Context, streams cli.Streams) (err error) {
	var tenant uuid.UUID
	if c.Tenant, tenant, err = c.Find(ctx, c.Tenant); err != nil {
		return cli.Usage(err)
	}
	in, err := open(ctx, c.File, streams.In)
	if err != nil {
		return cli.Usage(err)
	}
	defer in.close()
	skipped := &skippedFile{path: c.SkipInvalid}
	defer skipped.abandon()
	if err := skipped.create(); err != nil {
		return cli.Usage(err)
	}
	csv, err := c.source(in, tenant, skipped)
	if err != nil {
		return cli.Usage(err)
	}
	sum, err := check(ctx, csv, streams.Err)
	if err != nil {
		return err
	}
	skipped.begin(sum)
	if c.DryRun {
		return c.describe(streams.Out, in.name, sum, c.lookAhead(ctx, streams.Err, tenant, sum.Rows))
	}
	return atDesk(ctx, c.Database, func(d desk) error {
		run, err := c.enqueue(ctx, streams, d, c.newRun(in, tenant, sum), csv, sum)
		if err != nil {
			return refused(in.name, err)
		}
		return c.afterwards(ctx, streams, d, run, tenant, in.name, sum, skipped)
	})
}

func (c *csvCommand) source(in *input, tenant uuid.UUID, skipped *skippedFile) (*source.CSV, error) {
	delimiter, err := parseDelimiter(c.Delimiter)
	if err != nil {
		return nil, err
	}
	return source.NewCSV(source.CSVConfig{
		Name: in.name, Open: in.open, Tenant: tenant, Delimiter: delimiter, Map: c.Map, Set: c.Set,
		EmptyAsNull: c.EmptyAs == "null", AllowDuplicates: c.OnDuplicate == "last",
		SkipInvalid: c.SkipInvalid != "", OnSkip: skipped.write,
	})
}

func parseDelimiter(s string) (rune, error) {
	switch s {
	case "":
		return 0, nil
	case "tab", `\t`:
		return '\t', nil
	case ",", ";", "|", "\t":
		return rune(s[0]), nil
	}
	return 0, fmt.Errorf("--delimiter %q: use one of , ; | tab", s)
}

// check is the first pass. All faults are printed; what is no fault but worth knowing, too.
func check(ctx context.Context, csv *source.CSV, stderr io.Writer) (*source.Summary, error) {
	sum, err := csv.Check(ctx)
	var faults *source.Faults
	switch {
	case errors.As(err, &faults):
		if err := faults.Print(stderr); err != nil {
			return nil, err
		}
		return nil, cli.Usage(fmt.Errorf("%s: %s. Nothing was enqueued", faults.Source, plural(faults.Total, "fault")))
	case err != nil:
		return nil, err
	}
	for _, w := range sum.Warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	return sum, nil
}

// enqueue is the second pass: one transaction, all in or none in.
func (c *csvCommand) enqueue(ctx context.Context, streams cli.Streams, d desk, n ledger.NewRun, csv *source.CSV, sum *source.Summary) (int64, error) {
	bar := newImportBar(ctx, streams.Err, sum.Rows)
	defer bar.close()
	run, _, err := d.enqueuer.Import(ctx, n, bar.count(csv.Rows(ctx, sum)))
	return run, err
}

// afterwards is what follows when the rows are in: from here on a failure must not look as if they were not.
func (c *csvCommand) afterwards(ctx context.Context, streams cli.Streams, d desk, run int64, tenant uuid.UUID, name string, sum *source.Summary, skipped *skippedFile) error {
	if err := skipped.keep(); err != nil {
		return fmt.Errorf("run %d is enqueued, but the skipped rows could not be written: %w", run, err)
	}
	candidate := cli.Candidate{Tenant: tenant, Run: run, Priority: c.Priority, Rows: sum.Rows, Open: sum.Rows}
	outlook := c.lookOut(ctx, streams.Err, d, candidate)
	// A program that waits reads one report, that of the end.
	if !c.Wait || c.Output != "json" {
		if err := c.report(streams.Out, run, name, sum, outlook); err != nil {
			return err
		}
	}
	if !c.Wait {
		return nil
	}
	return waitFor(ctx, streams, d, candidate, c.WriteLimit, c.Output)
}

func (c *csvCommand) newRun(in *input, tenant uuid.UUID, sum *source.Summary) ledger.NewRun {
	name := c.Name
	if name == "" {
		name = filepath.Base(in.name)
	}
	var canaryRows int32
	if c.Canary != nil {
		canaryRows = *c.Canary
	}
	return ledger.NewRun{
		MaxFailures: c.MaxFailures, CanaryRows: canaryRows, Kind: "csv", Name: name, Actor: c.Actor.Name(), Tenant: tenant, Priority: c.Priority, Hold: c.Hold && !c.Plan,
		Fingerprint: sum.Fingerprint, Again: c.Again, Blind: c.Blind, PlanHold: c.Plan,
		Options: ledger.Options{Duplicates: c.OnDuplicate == "last", Recheck: c.Recheck, SkipMissing: c.SkipMissing},
		Source: sourceNote{
			File: in.name, SHA256: fmt.Sprintf("%x", sum.SHA256), Bytes: sum.Bytes, Encoding: sum.Encoding, Delimiter: string(sum.Delimiter),
			Header: sum.Header, Columns: sum.Columns, OtherColumns: sum.OtherColumns, Skipped: sum.Skipped,
			Style: sum.Style, Set: c.Set, EmptyAs: c.EmptyAs,
		},
	}
}

// sourceNote is what the run keeps of its source, so that the file can be given back as it came.
type sourceNote struct {
	File         string   `json:"file"`
	SHA256       string   `json:"sha256"`
	Bytes        int64    `json:"bytes"`
	Encoding     string   `json:"encoding"`
	Delimiter    string   `json:"delimiter"`
	Header       []string `json:"header"`
	Columns      []string `json:"columns"`
	OtherColumns []int    `json:"otherColumns"`
	Skipped      int      `json:"skipped,omitempty"`

	Style source.Style `json:"style"`
	// What the same rows need to be enqueued again, apart from the columns.
	Set     map[string]string `json:"set,omitempty"`
	EmptyAs string            `json:"emptyAs"`
}

// refused turns the refusals that a person can do something about into invalid input.
func refused(name string, err error) error {
	var duplicate *ledger.DuplicateError
	var changed *source.ChangedError
	var server *pgconn.PgError
	switch {
	case errors.As(err, &duplicate):
		return cli.Usage(fmt.Errorf("%s: %w: nothing was enqueued; to send it once more use --again", name, duplicate))
	case errors.As(err, &changed):
		return cli.Usage(fmt.Errorf("%w. Nothing was enqueued", changed))
	case errors.As(err, &server) && server.Severity == "ERROR":
		// The server's word that it has taken everything back.
		return fmt.Errorf("the import failed: %w. Nothing was enqueued", err)
	}
	// The answer to the COMMIT may have been lost, so it would be too much to say that nothing was enqueued.
	return fmt.Errorf("the import failed: %w; all of it is in or nothing: \"audit runs\" tells", err)
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}

func pluralVerb(n int, noun, one, many string) string {
	if n == 1 {
		return plural(n, noun) + " " + one
	}
	return plural(n, noun) + " " + many
}
