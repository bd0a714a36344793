package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// CSVConfig says where a table is, a CSV file or what a query returned, and how it is to be read.
type CSVConfig struct {
	Name            string                        // how faults call it: the path as given, or "standard input"
	Open            func() (io.ReadCloser, error) // called once for each reading; every time from the beginning
	Result          *Result                       // instead of Name, Open and Delimiter: the rows are those of a query
	Tenant          uuid.UUID
	Delimiter       rune              // 0: found out among , ; tab and |
	Map             map[string]string // the column's name in the source -> what it is read as
	Set             map[string]string // property, id or route -> the constant for every row
	EmptyAsNull     bool              // an empty cell of the two names asks for null; otherwise for nothing
	AllowDuplicates bool              // rows may repeat a target; the later one wins when they are worked
	TempDir         string            // where finding duplicates may spill; "": os.TempDir

	// SkipInvalid leaves out bad rows instead of refusing the source, as long as their faults are their own and at
	// least one row is good. OnSkip, which may be nil, is called by Rows for each of them; its error ends the reading.
	SkipInvalid bool
	OnSkip      func(BadRow) error
}

// CSV is a source of rows in a CSV file.
type CSV struct {
	cfg     CSVConfig
	options *options

	maxRows     int32
	maxRepeated int
}

// NewCSV checks the config; the error joins all its faults. Nothing is opened yet.
func NewCSV(cfg CSVConfig) (*CSV, error) {
	if r := cfg.Result; r != nil {
		cfg.Name, cfg.Open, cfg.Delimiter = r.name, r.open, resultDelimiter
	}
	var faults []error
	if cfg.Name == "" {
		faults = append(faults, errors.New("the source has no name"))
	}
	if cfg.Open == nil {
		faults = append(faults, errors.New("the source cannot be opened"))
	}
	if d := cfg.Delimiter; d != 0 && (d == '"' || d == '\r' || d == '\n' || d == utf8.RuneError || !utf8.ValidRune(d)) {
		faults = append(faults, fmt.Errorf("--delimiter %q cannot separate cells: use one such as , ; | or a tab", d))
	}
	o, err := newOptions(cfg.Tenant, cfg.Map, cfg.Set, cfg.EmptyAsNull)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	return &CSV{cfg: cfg, options: o, maxRows: maxRows, maxRepeated: maxRepeated}, nil
}

// Check reads the source for the first time: it validates every row and takes the digests. The error is *Faults with
// all faults of all rows, or one of reading.
func (c *CSV) Check(ctx context.Context) (_ *Summary, err error) {
	faults, good := &Faults{Source: c.cfg.Name, numbered: c.numbered()}, NewTally()
	targets := &duplicates{dir: c.cfg.TempDir}
	defer alsoClose(&err, targets.close)
	counter := newCounter(good, targets)
	sum, err := c.read(ctx, func(r record) error {
		if len(r.faults) > 0 {
			faults.add(r.row.Number, r.faults...)
			return nil
		}
		return counter.add(r)
	})
	if failed := counter.end(); failed != nil && !errors.Is(err, failed) {
		err = failed // of a row before the one that reading came to
	}
	if err != nil {
		return nil, err
	}
	good.Tell(sum)
	if err := c.judgeDuplicates(ctx, targets, sum, faults); err != nil {
		return nil, err
	}
	if faults.Total == 0 {
		return sum, nil
	}
	return c.leaveOut(ctx, sum, faults)
}

// maxRepeated bounds the memory for duplicates that are skipped, of which it is known only after the last row which
// ones they are: 16 MiB.
const maxRepeated = 1 << 20

// judgeDuplicates counts the rows that repeat a target and makes them faults, unless they are allowed.
func (c *CSV) judgeDuplicates(ctx context.Context, targets *duplicates, sum *Summary, faults *Faults) error {
	err := targets.each(ctx, func(first, later entry) error {
		sum.Duplicates++
		if c.cfg.AllowDuplicates {
			return nil
		}
		faults.add(later.row, c.duplicate(later.line, first.line))
		switch {
		case !c.cfg.SkipInvalid:
		case len(sum.repeated) == c.maxRepeated:
			faults.add(0, c.tooManyRepeated())
			return errEnough
		default:
			sum.repeated = append(sum.repeated, repeated{later.row, first.line})
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// numbered reports whether rows are found by their number: a query's result has no lines.
func (c *CSV) numbered() bool { return c.cfg.Result != nil }

func (c *CSV) tooManyRepeated() Fault {
	return Fault{
		Source: c.cfg.Name, Problem: "repeats more targets than can be skipped", spreads: true,
		Right: fmt.Sprintf("%d at most; let the later row win with --on-duplicate last", c.maxRepeated),
	}
}

func (c *CSV) duplicate(line, first int64) Fault {
	place := "line"
	if c.numbered() {
		place = "row"
	}
	return Fault{
		Source: c.cfg.Name, Line: line, Problem: "addresses the same status as an earlier row", numbered: c.numbered(),
		Right: fmt.Sprintf("%s %d does; remove one, or let the later one win with --on-duplicate last", place, first),
	}
}

// leaveOut makes the summary one of the good rows alone, if there are any and the faults are those of single rows.
func (c *CSV) leaveOut(ctx context.Context, sum *Summary, faults *Faults) (*Summary, error) {
	sum.Rows -= len(sum.repeated)
	if !c.cfg.SkipInvalid || faults.spreads || sum.Rows == 0 {
		return nil, faults
	}
	sum.Faults, sum.Skipped = faults, faults.Rows
	if len(sum.repeated) == 0 {
		return sum, nil
	}
	// Which rows repeat another is known only after the last one, so the good ones are counted anew.
	slices.SortFunc(sum.repeated, func(a, b repeated) int { return int(a.row) - int(b.row) })
	good := NewTally()
	err := c.readAgain(ctx, sum, nil, func(row *userstatus.Row) bool {
		good.Add(&row.Update)
		return true
	})
	if err != nil {
		return nil, err
	}
	good.Tell(sum)
	return sum, nil
}

// Rows reads the source for the second time and yields the good rows in their order. It ends with an error, after
// which nothing of what it yielded should be kept, when the source is not what sum says any more (*ChangedError),
// when reading fails or when OnSkip does. A row's strings stay; Row.Other is valid only until the next one.
func (c *CSV) Rows(ctx context.Context, sum *Summary) iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		err := c.readAgain(ctx, sum, c.cfg.OnSkip, func(row *userstatus.Row) bool { return yield(*row, nil) })
		if err != nil {
			yield(userstatus.Row{}, err)
		}
	}
}
