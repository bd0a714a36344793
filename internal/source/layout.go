package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"graphpatch/internal/userstatus"
)

// layout says what each column of a source is read as.
type layout struct {
	header  []string // as it came
	fields  []field  // by column
	columns []int    // by field; -1 when no column is read as it
	others  []int    // the columns that Row.Other holds
	unfit   []bool   // by column: its type is wrong for what it is read as

	properties []field // the properties that come from columns
	asks       bool    // a column or a constant gives at least one property
	warnings   []string
}

// newLayout reads the header. It returns a layout even when there are faults, so that the cells of the columns it
// does know are checked in the same pass.
func newLayout(o *options, header []string) (*layout, []Fault) {
	l := &layout{header: slices.Clone(header), fields: make([]field, len(header)), unfit: make([]bool, len(header)), columns: make([]int, len(fieldNames))}
	for f := range l.columns {
		l.columns[f] = -1
	}
	var faults []Fault
	for i, name := range l.header {
		faults = append(faults, l.readName(i, name)...)
		faults = append(faults, l.place(o, i, o.recognise(name))...)
	}
	for i, f := range l.fields {
		if f == unread || f == route {
			l.others = append(l.others, i)
		}
	}
	l.asks = len(l.properties) > 0 || o.wanted.Asks() != 0
	faults = append(faults, l.unmatched(o)...)
	faults = append(faults, l.missing(o)...)
	l.warn(o)
	for i := range faults {
		faults[i].spreads = true
	}
	return l, faults
}

// readName looks for what would make a name unreadable, whatever it means.
func (l *layout) readName(i int, name string) []Fault {
	bad := func(problem, right string) []Fault {
		return []Fault{{Column: i + 1, Value: userstatus.Quote(name), Problem: problem, Right: right}}
	}
	switch {
	case !utf8.ValidString(name):
		return bad(notUTF8, saveAsUTF8)
	case strings.ContainsRune(name, '\r'):
		return bad("holds a carriage return", "end lines with LF or CRLF; a CR alone ends none")
	case strings.ContainsFunc(name, func(r rune) bool { return r == 0 || r == unicode.ReplacementChar }):
		return bad("is no readable name of a column", saveAsUTF8)
	case len(name) > maxName:
		return bad("is longer than 256 bytes", "give the column a short name")
	}
	return nil
}

// place makes column i the one that f is read from, if nothing else gives f.
func (l *layout) place(o *options, i int, f field) []Fault {
	if f == unread {
		return nil
	}
	fault := Fault{Column: i + 1, Name: strings.TrimSpace(l.header[i])}
	switch first := l.columns[f]; {
	case first >= 0:
		fault.Problem = "is a second column for one property"
		fault.Right = fmt.Sprintf("%s is read from column %d already; rename or remove one", f, first+1)
	case o.given[f]:
		fault.Problem = "is given by --set as well"
		fault.Right = "leave out the column or --set " + f.String()
	default:
		l.fields[i], l.columns[f] = f, i
		if f.property() != 0 {
			l.properties = append(l.properties, f)
		}
		return nil
	}
	return []Fault{fault}
}

// unmatched finds what --map speaks of and the header does not have.
func (l *layout) unmatched(o *options) []Fault {
	var faults []Fault
	for _, column := range slices.Sorted(maps.Keys(o.mapped)) {
		if slices.ContainsFunc(l.header, func(name string) bool { return fold(name) == column }) {
			continue
		}
		right := "the header has " + l.names()
		if near, ok := userstatus.Suggest(column, l.header); ok {
			right = "did you mean " + userstatus.Quote(strings.TrimSpace(near)) + "?"
		}
		faults = append(faults, Fault{Value: userstatus.Quote(o.spelled[column]), Problem: "is mapped, but no column has that name", Right: right})
	}
	return faults
}

// missing finds what no row can do without.
func (l *layout) missing(o *options) []Fault {
	var faults []Fault
	for _, f := range requiredFields {
		if l.columns[f] < 0 && !o.given[f] {
			faults = append(faults, Fault{Problem: "has no column " + f.String(), Right: l.howToGive(f)})
		}
	}
	if !l.asks {
		names := userstatus.AllProperties.Names()
		right := "name one of its columns " + strings.Join(names, ", ") + ", or use --map or --set"
		if i, near := l.nearest(names); i >= 0 {
			right = l.suggestion(i, near)
		}
		faults = append(faults, Fault{Problem: "has no column with anything to change", Right: right})
	}
	return faults
}

func (l *layout) howToGive(f field) string {
	if i, _ := l.nearest([]string{f.String()}); i >= 0 {
		return l.suggestion(i, f.String())
	}
	return fmt.Sprintf("the header has %s; use --map COLUMN=%s", l.names(), f)
}

// nearest returns the first column that is read as nothing but nearly has one of the names; -1 when there is none.
func (l *layout) nearest(names []string) (column int, near string) {
	for i, name := range l.header {
		if near, ok := suggest(name, names); ok && l.fields[i] == unread {
			return i, near
		}
	}
	return -1, ""
}

// suggest is userstatus.Suggest for names that can be typed after --map.
func suggest(name string, names []string) (near string, ok bool) {
	if name = strings.TrimSpace(name); printable(name) != name {
		return "", false
	}
	return userstatus.Suggest(name, names)
}

func (l *layout) suggestion(i int, near string) string {
	name := strings.TrimSpace(l.header[i])
	return fmt.Sprintf("is it column %d, %s? use --map %s", i+1, userstatus.Quote(name), shellWord(name+"="+near))
}

// warn notes the columns that look like a slip of the pen. They are no faults: a file may well have a column of its
// own that is called nearly like one of ours.
func (l *layout) warn(o *options) {
	for i, name := range l.header {
		near, ok := suggest(name, fieldNames[1:])
		if f := fieldByName(near); l.fields[i] != unread || !ok || l.columns[f] >= 0 || o.given[f] {
			continue
		}
		name = strings.TrimSpace(name)
		l.warnings = append(l.warnings, fmt.Sprintf("column %s is kept but not sent; did you mean %s? use --map %s",
			userstatus.Quote(name), near, shellWord(name+"="+near)))
	}
}

// names lists the header for a message, cut when it is long.
func (l *layout) names() string {
	const most = 12
	var names []string
	for _, name := range l.header[:min(len(l.header), most)] {
		names = append(names, userstatus.Quote(strings.TrimSpace(name)))
	}
	if more := len(l.header) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// shellWord quotes s when a shell would take it apart: it is meant to be pasted.
func shellWord(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("=_-.", r)
	}) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
