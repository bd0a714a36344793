package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
	"graphpatch/internal/source"
)

// tableOptions say how the columns and rows of a table are read.
type tableOptions struct {
	Map         map[string]string `mapsep:"none" placeholder:"COLUMN=PROPERTY" help:"Read a property from a column of another name. Repeatable."`
	Set         map[string]string `mapsep:"none" placeholder:"PROPERTY=VALUE" help:"The same value for every row. Repeatable."`
	EmptyAs     string            `enum:"absent,null" default:"absent" placeholder:"absent|null" help:"What an empty cell, or the NULL of a query, of userDisplayName and userPrincipalName asks for: nothing, or null (default ${default})."`
	OnDuplicate string            `enum:"fault,last" default:"fault" placeholder:"fault|last" help:"Rows that address the same status: a fault, or the last one wins (default ${default})."`
	SkipInvalid string            `type:"path" placeholder:"FILE" help:"Leave invalid rows out and write them to FILE with the reasons."`
}

// table is what a command has to say of its own about a table: where it is, and what it is to be called.
type table struct {
	source.CSVConfig
	kind string
	name string // the run's
	note func(*source.Note)
	says func(*description)
}

// enqueue checks the table and makes it a run: the first of two passes.
func (t *tableOptions) enqueue(ctx context.Context, streams cli.Streams, o *runOptions, tenant uuid.UUID, in table) error {
	skipped := &skippedFile{path: t.SkipInvalid}
	defer skipped.abandon()
	if err := skipped.create(); err != nil {
		return cli.Usage(err)
	}
	in.Tenant, in.Map, in.Set, in.EmptyAsNull, in.AllowDuplicates = tenant, t.Map, t.Set, t.EmptyAs == "null", t.OnDuplicate == "last"
	in.SkipInvalid, in.OnSkip = t.SkipInvalid != "", skipped.write
	csv, err := source.NewCSV(in.CSVConfig)
	if err != nil {
		return cli.Usage(err)
	}
	sum, err := check(ctx, csv, streams.Err)
	if err != nil {
		return err
	}
	skipped.begin(sum)
	b := &batch{
		kind: in.kind, name: in.name, from: in.Name, tenant: tenant, rows: sum.Rows, skipped: sum.Skipped, each: csv.Rows(ctx, sum),
		fingerprint: sum.Fingerprint, options: ledger.Options{Duplicates: t.OnDuplicate == "last"},
		note: t.note(sum, in.note), described: describeTable(sum, in.says), leftOut: leftOut(sum, t.SkipInvalid), kept: skipped.keep,
	}
	return o.enqueue(ctx, streams, b)
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

func (t *tableOptions) note(sum *source.Summary, more func(*source.Note)) *source.Note {
	n := sum.Note(t.Set, t.EmptyAs)
	more(n)
	return n
}
