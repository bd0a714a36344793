package source

import (
	"bytes"
	"strings"
)

// Style is how a source writes its records. It is what most of them have in common; a record that is written otherwise is
// kept as it stood, as one more element of Row.Other, so that every byte can be given back.
type Style struct {
	Mark        bool   `json:"byteOrderMark,omitempty"`
	Header      string `json:"header,omitempty"`      // the header's text with its line end; empty when it is written like the rows
	LineEnd     string `json:"lineEnd"`               // LF or CRLF
	Quoted      []int  `json:"quoted,omitempty"`      // the columns, from 0, whose cells stand in quotes without need
	QuotedEmpty []int  `json:"quotedEmpty,omitempty"` // those whose empty cells do
	Unended     bool   `json:"unended,omitempty"`     // the last row has no line end
	Tail        string `json:"tail,omitempty"`        // the empty lines after it
}

// RecordWriter writes records in a style.
type RecordWriter struct {
	delimiter   string
	special     [256]bool // the bytes that make quotes necessary; of a delimiter of several, any
	lineEnd     string
	quoted      []bool // by column; those beyond have none
	quotedEmpty []bool
	text        []byte
}

// Records returns a writer for records with that delimiter.
func (s *Style) Records(delimiter rune) *RecordWriter {
	w := &RecordWriter{delimiter: string(delimiter), lineEnd: s.LineEnd, quoted: marks(s.Quoted), quotedEmpty: marks(s.QuotedEmpty)}
	for _, b := range []byte(w.delimiter + "\"\r\n") {
		w.special[b] = true
	}
	return w
}

// marks has true at each of the columns, which are in order.
func marks(columns []int) (marks []bool) {
	for _, c := range columns {
		marks = append(marks, make([]bool, c-len(marks)+1)...)
		marks[c] = true
	}
	return marks
}

// Append appends the record without its line end. column is the place of the first cell in its line, from 0.
func (w *RecordWriter) Append(b []byte, column int, cells []string) []byte {
	for i, cell := range cells {
		if column+i > 0 {
			b = append(b, w.delimiter...)
		}
		b = w.AppendCell(b, cell, w.inQuotes(column+i, cell))
	}
	return b
}

// AppendCell appends one cell; in quotes also when it needs them.
func (w *RecordWriter) AppendCell(b []byte, cell string, quoted bool) []byte {
	if !quoted && !w.needsQuotes(cell) {
		return append(b, cell...)
	}
	b = append(b, '"')
	for {
		before, after, found := strings.Cut(cell, `"`)
		b = append(b, before...)
		if !found {
			return append(b, '"')
		}
		b = append(b, '"', '"')
		cell = after
	}
}

func (w *RecordWriter) inQuotes(column int, cell string) bool {
	columns := w.quoted
	if cell == "" {
		columns = w.quotedEmpty
	}
	return column < len(columns) && columns[column]
}

func (w *RecordWriter) needsQuotes(cell string) bool {
	for i := range len(cell) {
		if w.special[cell[i]] {
			return true
		}
	}
	return false
}

// wrote reports whether the record would be written like that. Only the last one of a source may lack its line end.
func (w *RecordWriter) wrote(text []byte, cells []string) bool {
	w.text = w.Append(w.text[:0], 0, cells)
	end, ok := bytes.CutPrefix(text, w.text)
	return ok && (len(end) == 0 || string(end) == w.lineEnd)
}

// learned is how many records the style is taken from.
const learned = 1000

// learner finds out what style a source is written in. What counts is the majority: the rest costs space, no bytes.
type learner struct {
	records     int
	returns     int // lines that end with CRLF, less those that do not
	quoted      []int
	quotedEmpty []int
}

// see takes the text of a record with its cells.
func (l *learner) see(text []byte, delimiter rune, cells []string) {
	if l.records == learned {
		return
	}
	l.records++
	l.returns += vote(bytes.HasSuffix(text, []byte("\r\n")))
	for len(l.quoted) < len(cells) {
		l.quoted, l.quotedEmpty = append(l.quoted, 0), append(l.quotedEmpty, 0)
	}
	text = bytes.TrimLeft(text, "\r\n") // empty lines before the record
	d := []byte(string(delimiter))
	for i, cell := range cells {
		inQuotes := bytes.HasPrefix(text, []byte{'"'})
		switch {
		case cell == "":
			l.quotedEmpty[i] += vote(inQuotes)
		case !strings.ContainsAny(cell, string(delimiter)+"\"\r\n"):
			l.quoted[i] += vote(inQuotes)
		}
		_, text, _ = bytes.Cut(afterQuotes(text), d)
	}
}

// afterQuotes is what follows the quotes that text begins with, if it does.
func afterQuotes(text []byte) []byte {
	for len(text) > 0 && text[0] == '"' {
		end := bytes.IndexByte(text[1:], '"')
		if end < 0 {
			return nil
		}
		text = text[end+2:] // a doubled quote looks like the begin of another quotation, and may be taken for one
	}
	return text
}

func vote(yes bool) int {
	if yes {
		return 1
	}
	return -1
}

func (l *learner) style() Style {
	s := Style{LineEnd: "\n"}
	if l.returns > 0 {
		s.LineEnd = "\r\n"
	}
	for i := range l.quoted {
		if l.quoted[i] > 0 {
			s.Quoted = append(s.Quoted, i)
		}
		if l.quotedEmpty[i] > 0 {
			s.QuotedEmpty = append(s.QuotedEmpty, i)
		}
	}
	return s
}
