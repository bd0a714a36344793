package source

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// The limits of what a source may hold; docs/limits.md lists them. There is none on the size of a file. What is held in
// memory of one is a few records, whatever stands in it.
const (
	// maxRows is how many rows a run can number.
	maxRows = math.MaxInt32

	// MaxRecord is how many bytes one record may take as UTF-8. Without a limit, a quote that is never closed would make
	// one record of the rest of the file.
	MaxRecord = 1 << 20

	// maxColumns and maxCell, in characters, are those of a spreadsheet: whatever a person has looked at stays below them.
	maxColumns = 16_384
	maxCell    = 32_767

	// maxName is how many bytes the name of a column may take: the run keeps all of them.
	maxName = 256
)

// tooManyColumns is the fault of a header with so many.
func tooManyColumns(columns int) Fault {
	return Fault{
		Problem: "has too many columns",
		Right:   fmt.Sprintf("%s at most, %s here", humanize.Comma(maxColumns), humanize.Comma(int64(columns))),
	}
}

// tooLongRecord is the fault of a record that begins in line and is not at its end where it would have to be.
func tooLongRecord(line int64) *Fault {
	return &Fault{Problem: "begins a record longer than 1 MiB", Right: fmt.Sprintf(
		"is a quote left open in line %d, or does it not end with LF or CRLF? nothing after it was read", line)}
}

func isTooLong(cell string) bool {
	return len(cell) > maxCell && utf8.RuneCountInString(cell) > maxCell
}
