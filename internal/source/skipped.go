package source

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// BadRow is a row that is skipped. Cells and Faults are valid only until the callback returns.
type BadRow struct {
	Number int32
	Line   int64
	Cells  []string // as they came
	Faults []Fault
}

// SkippedWriter writes skipped rows as a CSV of their own, which can be corrected and enqueued: the source's columns
// and delimiter, in UTF-8, and two columns more: line, or row of a query's result, and fault.
type SkippedWriter struct {
	csv    *csv.Writer
	header []string
	place  string // what the number of a row counts
	record []string
	rows   int
}

// NewSkippedWriter returns a writer for the rows skipped of the source that sum is about. The header is written with
// the first row.
func NewSkippedWriter(w io.Writer, sum *Summary) *SkippedWriter {
	s := &SkippedWriter{csv: csv.NewWriter(w), header: sum.Header, place: "line"}
	s.csv.Comma = sum.Delimiter
	if sum.Numbered {
		s.place = "row"
	}
	return s
}

// Write writes one row. When it has too few cells, empty ones stand in for them; when it has too many, they follow
// after the fault, so that none is lost and line and fault stand in their columns.
func (s *SkippedWriter) Write(b BadRow) error {
	if s.rows == 0 {
		header := append(slices.Clone(s.header), FreeName(s.place, s.header), FreeName("fault", s.header))
		if err := s.csv.Write(header); err != nil {
			return err
		}
	}
	s.rows++
	n := min(len(b.Cells), len(s.header))
	s.record = append(s.record[:0], b.Cells[:n]...)
	for range len(s.header) - n {
		s.record = append(s.record, "")
	}
	s.record = append(s.record, strconv.FormatInt(b.Line, 10), reasons(b.Faults))
	s.record = append(s.record, b.Cells[n:]...)
	return s.csv.Write(s.record)
}

// Flush writes out what is buffered. It is to be called at the end; a row that could not be written shows here, too.
func (s *SkippedWriter) Flush() error {
	s.csv.Flush()
	return s.csv.Error()
}

func reasons(faults []Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Reason())
	}
	return strings.Join(all, "; ")
}

// FreeName returns a name that no column of the header has: a file of skipped rows may well be the source.
func FreeName(name string, header []string) string {
	for i := 1; ; i++ {
		candidate := name
		if i > 1 {
			candidate = fmt.Sprintf("%s_%d", name, i)
		}
		if !slices.ContainsFunc(header, func(h string) bool { return fold(h) == candidate }) {
			return candidate
		}
	}
}
