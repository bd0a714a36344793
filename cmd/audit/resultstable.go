package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"graphpatch/internal/audit"
	"graphpatch/internal/source"
)

// resultTable writes rows as their file had them, with columns added.
type resultTable struct {
	note    *fileNote
	all     bool                // no row is left out
	alter   func(string) string // nil: cells stay as they are
	records *source.RecordWriter
	quoted  bool // all cells stand in quotes
	text    []byte
	end     string // of the last line, still to be written
}

func newResultTable(note *fileNote) *resultTable {
	return &resultTable{note: note, records: note.Style.Records(note.delimiter()), quoted: len(note.Style.Quoted) == len(note.Header)}
}

// writeResults returns how many rows it wrote.
func writeResults(w io.Writer, t *resultTable, results iter.Seq2[*audit.Result, error]) (rows int, err error) {
	buffered := bufio.NewWriterSize(w, 1<<16)
	text, err := encoder(buffered, t.note)
	if err != nil {
		return 0, err
	}
	if _, err := text.Write(t.header()); err != nil {
		return 0, err
	}
	for r, err := range results {
		if err != nil {
			return rows, err
		}
		rows++
		if _, err := text.Write(t.row(r)); err != nil {
			return rows, err
		}
	}
	if _, err := io.WriteString(text, t.tail()); err != nil {
		return rows, err
	}
	return rows, errors.Join(text.Close(), buffered.Flush())
}

// encoder writes the byte order mark and returns what encodes text.
func encoder(w io.Writer, note *fileNote) (io.WriteCloser, error) {
	mark, plain := "", note.Encoding == "UTF-8" || note.Encoding == "UTF-8 with BOM"
	if note.Style.Mark {
		mark = "\ufeff"
	}
	if plain {
		_, err := io.WriteString(w, mark)
		return unencoded{w}, err
	}
	order := unicode.LittleEndian
	switch note.Encoding {
	case "UTF-16LE":
	case "UTF-16BE":
		order = unicode.BigEndian
	default:
		return nil, fmt.Errorf("the file's encoding %q is unknown", note.Encoding)
	}
	encoded := transform.NewWriter(w, unicode.UTF16(order, unicode.IgnoreBOM).NewEncoder())
	_, err := io.WriteString(encoded, mark)
	return encoded, err
}

// unencoded is a writer that has nothing to do at its end.
type unencoded struct{ io.Writer }

func (unencoded) Close() error { return nil }

// header is the file's own, as it stood, and the names of the columns added.
func (t *resultTable) header() []byte {
	names := make([]string, len(resultFields))
	for i, f := range resultFields {
		names[i] = source.FreeName(f.name, t.note.Header)
	}
	return t.line(t.note.Header, t.note.Style.Header, names)
}

func (t *resultTable) row(r *audit.Result) []byte {
	added := make([]string, len(resultFields))
	for i, f := range resultFields {
		added[i] = f.text(r)
	}
	return t.line(r.Cells, r.Text, added)
}

// line is the end of the line before, and a line without its own: that of the last one may be missing. stood is the record as
// it stood, if it is not in the style.
func (t *resultTable) line(cells []string, stood string, added []string) []byte {
	t.text = append(t.text[:0], t.end...)
	t.end = t.note.Style.LineEnd
	switch {
	case t.alter != nil:
		for i, cell := range cells {
			t.separate(i)
			altered := t.alter(cell)
			t.text = t.records.AppendCell(t.text, altered, t.quoted || altered != cell)
		}
	case stood != "":
		line := strings.TrimSuffix(strings.TrimSuffix(stood, "\n"), "\r")
		t.text = append(t.text, line...)
		if len(line) < len(stood) {
			t.end = stood[len(line):]
		}
	default:
		t.text = t.records.Append(t.text, 0, cells)
	}
	for _, cell := range added {
		altered := cell
		if t.alter != nil {
			altered = t.alter(cell)
		}
		t.separate(1)
		t.text = t.records.AppendCell(t.text, altered, t.quoted || altered != cell)
	}
	return t.text
}

func (t *resultTable) separate(column int) {
	if column > 0 {
		t.text = append(t.text, t.note.Delimiter...)
	}
}

// tail is what follows the last row.
func (t *resultTable) tail() string {
	switch {
	case t.note.Style.Unended && t.end == "\r":
		return t.end // that is no line end, but the last thing that stood there
	case t.note.Style.Unended:
		return ""
	case t.all:
		return t.end + t.note.Style.Tail
	}
	return t.end
}
