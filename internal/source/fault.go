package source

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"graphpatch/internal/userstatus"
)

// Fault is one thing that is wrong with a source: where it stands, and what would be right.
type Fault struct {
	Source  string // the source's name
	Line    int64  // where the row begins, 1-based, or in a query's result its number; 0 when the fault is the whole source's
	Column  int    // as a spreadsheet counts, 1-based; 0 when the fault is the whole line's, or a constant's
	Name    string // the column's name as it stands in the header, or the constant's property
	Value   string // in quotes, cut when it is long; empty when the fault is no single value's
	Problem string // the same words for every fault of this kind
	Right   string // what would be right

	// spreads says that leaving the row out does not cure it: other rows are in doubt as well.
	spreads bool
	// numbered says that Line is the row's number: a query's result has no lines.
	numbered bool
}

// Error returns the whole message: users.csv:17: column 5 (status): "Compliant" is no complianceStatus: write compliant.
func (f Fault) Error() string {
	switch {
	case f.Line == 0:
		return f.Source + ": " + f.Reason()
	case f.numbered && f.Column > 0:
		return fmt.Sprintf("%s: row %d, %s", f.Source, f.Line, f.Reason())
	case f.numbered:
		return fmt.Sprintf("%s: row %d: %s", f.Source, f.Line, f.Reason())
	}
	return fmt.Sprintf("%s:%d: %s", f.Source, f.Line, f.Reason())
}

// Reason returns the message without source and line.
func (f Fault) Reason() string {
	var b strings.Builder
	switch {
	case f.Column > 0 && f.Name != "" && f.numbered:
		fmt.Fprintf(&b, "column %s: ", printable(f.Name)) // nobody counts the columns of a query
	case f.Column > 0 && f.Name != "":
		fmt.Fprintf(&b, "column %d (%s): ", f.Column, printable(f.Name))
	case f.Column > 0:
		fmt.Fprintf(&b, "column %d: ", f.Column)
	case f.Name != "":
		fmt.Fprintf(&b, "%s: ", printable(f.Name))
	}
	if f.Value != "" {
		b.WriteString(f.Value + " ")
	}
	b.WriteString(f.Problem)
	if f.Right != "" {
		b.WriteString(": " + f.Right)
	}
	return b.String()
}

// printable keeps a header's name from breaking the line it is printed on.
func printable(name string) string {
	odd := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
	if odd || len(name) > 80 {
		return userstatus.Quote(name)
	}
	return name
}

func compareFaults(a, b Fault) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
