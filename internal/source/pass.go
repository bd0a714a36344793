package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"graphpatch/internal/userstatus"
)

// record is what a pass meets: a row with the cells it comes from. One with faults is bad; its row has at most a
// number and a line. Faults without a number are the header's, or the source's. All of it is valid only until the
// next record.
type record struct {
	row    *userstatus.Row
	cells  []string
	text   []byte // as it stood
	faults []Fault
}

// pass is one reading of the source.
type pass struct {
	csv     *CSV
	records *records
	checker *checker
	visit   func(record) error
	number  int32
	learner learner
	heading string // the header as it stood
	unended bool   // the last row has no line end
	tail    string // what follows it
}

// read reads the source once from beginning to end. The summary has what is known without judging rows.
func (c *CSV) read(ctx context.Context, visit func(record) error) (_ *Summary, err error) {
	records, err := openRecords(ctx, &c.cfg, c.options)
	if err != nil {
		return nil, err
	}
	defer alsoClose(&err, records.closer.Close)
	p := &pass{csv: c, records: records, visit: visit}
	if err := p.readHeader(); err != nil {
		return nil, err
	}
	if err := p.rows(); err != nil {
		return nil, err
	}
	return p.summary(), nil
}

// alsoClose closes something at the end of a function. What the function says anyway stays as it is, because callers
// know it by its type.
func alsoClose(err *error, close func() error) {
	if closing := close(); closing != nil {
		*err = errors.Join(*err, closing)
	}
}

// readHeader reads the first record. Without one that can be read there is no checker, and no rows.
func (p *pass) readHeader() error {
	cells, line, fault, err := p.records.read()
	switch {
	case errors.Is(err, io.EOF):
		return p.refuse(Fault{Problem: "is empty", Right: "the first line names the columns"})
	case err != nil:
		return err
	case fault != nil:
		fault.Line = line
		return p.refuse(*fault)
	case len(cells) > maxColumns:
		broad := tooManyColumns(len(cells))
		broad.Line = line
		return p.refuse(broad)
	}
	p.heading = string(p.records.text)
	l, faults := newLayout(p.csv.options, cells)
	if r := p.csv.cfg.Result; r != nil {
		faults = append(faults, l.misfits(r)...)
		line = 0
	}
	p.checker = newChecker(&p.csv.cfg, p.csv.options, l, p.records.encoding.wide)
	if len(faults) == 0 {
		return nil
	}
	for i := range faults {
		faults[i].Source, faults[i].Line = p.csv.cfg.Name, line
	}
	return p.visit(record{row: &userstatus.Row{}, faults: faults})
}

// refuse reports a fault that is no single row's.
func (p *pass) refuse(f Fault) error {
	f.Source, f.spreads = p.csv.cfg.Name, true
	return p.visit(record{row: &userstatus.Row{}, faults: []Fault{f}})
}

func (p *pass) rows() error {
	if p.checker == nil {
		return nil
	}
	for {
		cells, line, fault, err := p.records.read()
		switch {
		case errors.Is(err, io.EOF) && p.number == 0:
			return p.refuse(p.noRows())
		case errors.Is(err, io.EOF):
			p.tail = string(p.records.text)
			return nil
		case err != nil:
			return err
		case p.number == p.csv.maxRows:
			return p.refuse(Fault{Line: line, Problem: "is beyond the last row that can be counted", Right: fmt.Sprintf("split the source: %d rows at most", p.csv.maxRows)})
		}
		p.number++
		if p.csv.numbered() {
			line = int64(p.number)
		}
		if err := p.row(cells, line, fault); err != nil {
			return err
		}
	}
}

func (p *pass) noRows() Fault {
	if p.csv.numbered() {
		return Fault{Problem: "has no rows", Right: "the query found nothing"}
	}
	return Fault{Problem: "has no rows", Right: "there is nothing after the header"}
}

func (p *pass) row(cells []string, line int64, broken *Fault) error {
	if broken == nil {
		row, faults := p.checker.check(p.number, line, cells)
		p.learner.see(p.records.text, p.records.delimiter, cells)
		p.unended = !bytes.HasSuffix(p.records.text, []byte{'\n'})
		return p.visit(record{row: row, cells: cells, text: p.records.text, faults: faults})
	}
	// Where rows begin is not certain any more.
	broken.Source, broken.Line, broken.spreads = p.csv.cfg.Name, line, true
	if header := p.checker.layout.header; 0 < broken.Column && broken.Column <= len(header) {
		broken.Name = strings.TrimSpace(header[broken.Column-1])
	}
	return p.visit(record{row: &userstatus.Row{Number: p.number, Line: line}, faults: []Fault{*broken}})
}

func (p *pass) summary() *Summary {
	r := p.records
	s := &Summary{Numbered: p.csv.numbered(), Lines: r.meter.lines(), Bytes: r.raw.bytes, Encoding: r.encoding.name, Delimiter: r.delimiter}
	r.raw.hash.Sum(s.SHA256[:0])
	if p.checker == nil {
		return s
	}
	l := p.checker.layout
	s.Header, s.OtherColumns, s.Warnings = l.header, l.others, l.warnings
	for _, f := range l.fields {
		s.Columns = append(s.Columns, f.String())
	}
	s.Style = p.style()
	return s
}

func (p *pass) style() Style {
	s := p.learner.style()
	s.Mark = p.records.encoding.mark > 0
	s.Unended, s.Tail = p.unended, p.tail
	if !s.Records(p.records.delimiter).wrote([]byte(p.heading), p.checker.layout.header) {
		s.Header = p.heading
	}
	return s
}
