package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Result is what a query returned, in a temporary file for this user only, so that it can be read twice. It is written as
// CSV: from there on a query's rows go the way of a file's.
type Result struct {
	name     string
	columns  []column
	zone     *time.Location // of what has none; nil: not said
	file     *os.File
	size     int64
	unlinked bool
}

// results is a query's result as it comes from a server.
type results interface {
	columns() []column
	// next returns the cells of the next row, valid until the one after it; io.EOF after the last one.
	next() ([]string, error)
	close() error
}

// resultDelimiter separates the cells in the file, and when results are written.
const resultDelimiter = ','

// plainStyle is how the file is written. An empty line would be no row, so a single empty cell stands in quotes.
func plainStyle(columns int) Style {
	s := Style{LineEnd: "\n"}
	if columns == 1 {
		s.QuotedEmpty = []int{0}
	}
	return s
}

// keep writes down what comes. The context ends it between two rows.
func (r *Result) keep(ctx context.Context, cfg *QueryConfig, from results) (err error) {
	if r.file, err = os.CreateTemp(cfg.TempDir, "graphpatch-query-*"); err != nil {
		return err
	}
	r.unlinked = os.Remove(r.file.Name()) == nil
	r.columns = from.columns()
	w := &resultWriter{out: bufio.NewWriterSize(r.file, bufferSize)}
	style := plainStyle(len(r.columns))
	w.records = style.Records(resultDelimiter)
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.name
	}
	for cells := names; ; {
		if err := w.write(cells); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if rows := w.rows - 1; rows > 0 && rows%told == 0 && cfg.OnRows != nil {
			cfg.OnRows(rows)
		}
		if cells, err = from.next(); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	r.size = w.size
	return w.out.Flush()
}

// told is after how many rows OnRows is called again.
const told = 1000

// resultWriter writes rows, and counts.
type resultWriter struct {
	out     *bufio.Writer
	records *RecordWriter
	text    []byte
	rows    int // with the names of the columns
	size    int64
}

func (w *resultWriter) write(cells []string) error {
	w.text = append(w.records.Append(w.text[:0], 0, cells), '\n')
	if len(w.text) > MaxRecord {
		return &wideError{row: w.rows}
	}
	w.rows++
	w.size += int64(len(w.text))
	_, err := w.out.Write(w.text)
	return err
}

// wideError says that a row is longer than a record may be.
type wideError struct{ row int }

func (e *wideError) Error() string {
	return fmt.Sprintf("row %d is longer than 1 MiB: select fewer or shorter columns", e.row)
}

// open reads the result from the beginning.
func (r *Result) open() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(r.file, 0, r.size)), nil
}

// Close gives up the file. Nothing can be read after it.
func (r *Result) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	if !r.unlinked {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	r.file = nil
	return err
}
