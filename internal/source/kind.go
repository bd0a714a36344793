package source

import (
	"fmt"
	"strings"

	"graphpatch/internal/userstatus"
)

// kind is what a database's type is to us.
type kind int

// The kinds. What a server calls its types is for each server's part to say.
const (
	textKind kind = iota
	wholeKind
	fractionKind
	instantKind // a date and time with its zone
	localKind   // one without
	uuidKind
	oddKind // read as nothing: true or false, bytes, a date alone, JSON, a list
)

// column is a column of a query's result.
type column struct {
	name     string
	typeName string // as the server calls it
	kind     kind
}

// misfit returns why a column of that kind cannot be read as f, and what would be right; "" when it can.
func (c column) misfit(f field, zoned bool) (problem, right string) {
	needs := "a text"
	switch f {
	case configurationID, statusID, certificateID:
		if c.kind == textKind || c.kind == uuidKind {
			return "", ""
		}
	case devicesCountField:
		if c.kind == textKind || c.kind == wholeKind || c.kind == fractionKind {
			return "", ""
		}
		needs = "a whole number"
	case lastReportedField:
		switch {
		case c.kind == localKind && !zoned:
			return "has the type " + c.typeName + ", which has no time zone", "say which one is meant with --time-zone, such as UTC or Europe/Berlin"
		case c.kind == textKind, c.kind == instantKind, c.kind == localKind:
			return "", ""
		}
		needs = "a date and time"
	default:
		if c.kind == textKind {
			return "", ""
		}
	}
	return "has the type " + c.typeName, fmt.Sprintf("%s takes %s; convert it in the query, or give the column another name", f, needs)
}

var (
	devicesCountField = fieldByName(userstatus.DevicesCount.String())
	lastReportedField = fieldByName(userstatus.LastReportedDateTime.String())
)

// misfits finds the columns of a result whose type is not that of what they are read as. They are faults of the header, not
// of every row.
func (l *layout) misfits(r *Result) []Fault {
	var faults []Fault
	for i, f := range l.fields {
		if f == unread {
			continue
		}
		if problem, right := r.columns[i].misfit(f, r.zone != nil); problem != "" {
			l.unfit[i] = true
			faults = append(faults, Fault{Column: i + 1, Name: strings.TrimSpace(l.header[i]), Problem: problem, Right: right, spreads: true})
		}
	}
	return faults
}
