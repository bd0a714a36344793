package source

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// bufferSize is how much is read at a time: large enough that system calls do not count.
const bufferSize = 256 << 10

// records reads a CSV source record by record.
type records struct {
	name      string
	closer    io.Closer
	raw       *rawReader
	meter     *meter
	csv       *csv.Reader
	encoding  encoding
	delimiter rune
	next      int64  // the line after the last record
	text      []byte // the last record as it stood, with its line end and the empty lines before it; valid until the next one
}

// openRecords opens the source, finds out its encoding and, if it is 0, the delimiter.
func openRecords(ctx context.Context, cfg *CSVConfig, o *options) (*records, error) {
	file, err := cfg.Open()
	if err != nil {
		return nil, err
	}
	r := &records{name: cfg.Name, closer: file, raw: newRawReader(ctx, file), delimiter: cfg.Delimiter, next: 1}
	if err := r.begin(cfg, o); err != nil {
		return nil, errors.Join(r.failure(err), file.Close())
	}
	return r, nil
}

func (r *records) begin(cfg *CSVConfig, o *options) (err error) {
	text := io.Reader(r.raw)
	r.encoding = utf8Plain
	if cfg.Result == nil { // whose encoding is known, whatever its bytes look like
		if text, r.encoding, err = decode(bufio.NewReaderSize(r.raw, 1<<16)); err != nil {
			return err
		}
	}
	r.meter = &meter{r: text, limit: MaxRecord}
	buffered := bufio.NewReaderSize(r.meter, bufferSize)
	if r.delimiter == 0 {
		head, err := buffered.Peek(bufferSize)
		if err != nil && err != io.EOF {
			return err
		}
		r.delimiter = findDelimiter(head, func(name string) bool { return o.recognise(name) != unread })
	}
	// csv.NewReader takes over a buffer of that size as its own.
	r.csv = csv.NewReader(buffered)
	r.csv.Comma = r.delimiter
	r.csv.FieldsPerRecord = -1
	r.csv.ReuseRecord = true
	return nil
}

// read returns the next record and the line on which it begins. A record that is no CSV comes as a fault instead of
// cells, and reading may go on after it. The error is io.EOF, or one of reading. The cells stay as they are, their
// slice is used again.
func (r *records) read() (cells []string, line int64, fault *Fault, err error) {
	if r.meter.tooLong {
		return nil, 0, nil, io.EOF
	}
	begin := r.csv.InputOffset()
	r.meter.limit, r.meter.done = begin+MaxRecord, begin
	cells, err = r.csv.Read()
	line = r.next
	if len(cells) > 0 {
		first, _ := r.csv.FieldPos(0)
		line = int64(first)
	}
	if failed := r.raw.failed(); failed != nil {
		return nil, line, nil, r.failure(failed)
	}
	parse, isParse := errors.AsType[*csv.ParseError](err)
	switch {
	case err == nil:
		r.text = r.meter.between(begin, r.csv.InputOffset())
		last := len(cells) - 1
		begins, _ := r.csv.FieldPos(last)
		r.next = int64(begins) + int64(strings.Count(cells[last], "\n")) + 1
		return cells, line, nil, nil
	case r.meter.tooLong:
		return nil, line, tooLongRecord(line), nil
	case isParse:
		r.next = int64(parse.Line) + 1
		return nil, int64(parse.StartLine), quoting(parse, len(cells)+1), nil
	case err == io.EOF:
		r.text = r.meter.between(begin, r.csv.InputOffset())
		return nil, line, nil, io.EOF
	}
	return nil, line, nil, r.failure(err)
}

// quoting returns the fault that encoding/csv met in a column.
func quoting(e *csv.ParseError, column int) *Fault {
	f := &Fault{Column: column, Problem: "has a quote that is neither closed nor doubled", Right: "write a quote within a cell twice"}
	if errors.Is(e, csv.ErrBareQuote) {
		f.Problem = "holds a quote but does not begin with one"
		f.Right = "put the cell in quotes and write the quotes within it twice"
	}
	return f
}

func (r *records) failure(err error) error { return fmt.Errorf("%s: %w", r.name, err) }
