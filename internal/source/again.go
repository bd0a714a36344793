package source

import (
	"context"
	"errors"
	"fmt"

	"graphpatch/internal/userstatus"
)

// ChangedError says that a source was not the same when it was read again.
type ChangedError struct {
	Source string
	How    string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed while it was being read: %s; leave it alone and begin again", e.Source, e.How)
}

// errEnough ends a reading because nobody wants more of it.
var errEnough = errors.New("enough")

// second is a reading of a source that was checked before.
type second struct {
	csv      *CSV
	repeated []repeated // of those still ahead
	rows     int
	skipped  int
	skip     func(BadRow) error
	yield    func(*userstatus.Row) bool
	written  *RecordWriter
}

// readAgain gives the good rows to yield and the bad ones to skip, and makes sure that they are what sum says.
func (c *CSV) readAgain(ctx context.Context, sum *Summary, skip func(BadRow) error, yield func(*userstatus.Row) bool) error {
	s := &second{csv: c, repeated: sum.repeated, skip: skip, yield: yield, written: sum.Style.Records(sum.Delimiter)}
	now, err := c.read(ctx, s.visit)
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err != nil:
		return err
	case now.SHA256 != sum.SHA256:
		return c.changed("SHA-256 %x at first, %x now", sum.SHA256, now.SHA256)
	case s.rows != sum.Rows || s.skipped != sum.Skipped:
		return c.changed("%d rows at first, %d now", sum.Rows+sum.Skipped, s.rows+s.skipped)
	}
	return nil
}

func (c *CSV) changed(how string, args ...any) error {
	return &ChangedError{Source: c.cfg.Name, How: fmt.Sprintf(how, args...)}
}

func (s *second) visit(r record) error {
	if len(s.repeated) > 0 && s.repeated[0].row == r.row.Number {
		r.faults = append(r.faults, s.csv.duplicate(r.row.Line, s.repeated[0].firstLine))
		s.repeated = s.repeated[1:]
	}
	if len(r.faults) > 0 {
		return s.bad(r)
	}
	s.rows++
	if !s.written.wrote(r.text, r.cells) {
		r.row.Other = append(r.row.Other, string(r.text))
	}
	if !s.yield(r.row) {
		return errEnough
	}
	return nil
}

// bad hands out a row that is to be skipped. Any other fault was not there the first time.
func (s *second) bad(r record) error {
	for _, f := range r.faults {
		if f.spreads || !s.csv.cfg.SkipInvalid {
			return s.csv.changed("now %s", f.Error())
		}
	}
	s.skipped++
	if s.skip == nil {
		return nil
	}
	for i := range r.faults {
		r.faults[i].numbered = s.csv.numbered()
	}
	return s.skip(BadRow{Number: r.row.Number, Line: r.row.Line, Cells: r.cells, Faults: r.faults})
}
