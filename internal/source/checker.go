package source

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"graphpatch/internal/userstatus"
)

const (
	notUTF8    = "is not valid UTF-8"
	saveAsUTF8 = "save as UTF-8; from Excel: CSV UTF-8"
)

// checker turns the cells of one record after another into rows.
type checker struct {
	source  string
	result  *Result // nil: the source is a file
	options *options
	layout  *layout
	decoded bool // the text was decoded: U+FFFD stands where that failed

	row    userstatus.Row
	faults []Fault
	other  []string

	routeText string // the last spelling of a route, and what it meant: they come in long stretches
	route     userstatus.Route
	checked   map[string]struct{} // configuration ids found right: there are few, on many rows
}

// maxChecked bounds the memory for configuration ids; a tenant has hundreds.
const maxChecked = 10_000

func newChecker(cfg *CSVConfig, o *options, l *layout, decoded bool) *checker {
	k := &checker{source: cfg.Name, result: cfg.Result, options: o, layout: l, decoded: decoded, route: o.route, checked: map[string]struct{}{}}
	k.row.Update.Target.Tenant = o.tenant
	if len(l.others) > 0 {
		k.other = make([]string, len(l.others))
	}
	return k
}

// check reads one record. The row and the faults are valid until the next call; the row is complete only when there
// are no faults.
func (k *checker) check(number int32, line int64, cells []string) (*userstatus.Row, []Fault) {
	k.row.Number, k.row.Line, k.row.Other, k.faults = number, line, k.other, k.faults[:0]
	if len(cells) != len(k.layout.header) {
		k.add(Fault{Problem: "has another number of cells than the header", Right: fmt.Sprintf(
			"%d here, %d in the header; a cell that holds the delimiter stands in quotes", len(cells), len(k.layout.header))})
		return &k.row, k.faults
	}
	if !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }) {
		k.add(Fault{Problem: "has only empty cells", Right: k.remove()})
		return &k.row, k.faults
	}
	k.text(cells)
	k.target(cells)
	k.wanted(cells)
	for i, column := range k.layout.others {
		k.other[i] = cells[column]
	}
	return &k.row, k.faults
}

// add notes a fault, but only the first of a cell: the second would mostly be a consequence of it. So would be those of every
// cell in a column of the wrong type.
func (k *checker) add(f Fault) {
	if f.Column > 0 && k.layout.unfit[f.Column-1] {
		return
	}
	if f.Column > 0 && slices.ContainsFunc(k.faults, func(g Fault) bool { return g.Column == f.Column }) {
		return
	}
	f.Source, f.Line = k.source, k.row.Line
	k.faults = append(k.faults, f)
}

// at returns a fault that stands at f's column, or at the name of its constant.
func (k *checker) at(f field, problem, right string) Fault {
	if column := k.layout.columns[f]; column >= 0 {
		return k.atColumn(column, problem, right)
	}
	return Fault{Name: f.String(), Problem: problem, Right: right}
}

func (k *checker) atColumn(column int, problem, right string) Fault {
	return Fault{Column: column + 1, Name: strings.TrimSpace(k.layout.header[column]), Problem: problem, Right: right}
}

// refuse notes what userstatus says about a value.
func (k *checker) refuse(f field, err error) {
	fault := k.at(f, err.Error(), "")
	if v, ok := errors.AsType[*userstatus.ValueError](err); ok {
		fault.Value, fault.Problem, fault.Right = userstatus.Quote(v.Value), v.Problem, v.Right
	}
	k.add(fault)
}

// text checks that every cell, those that nothing is read from included, can be stored.
func (k *checker) text(cells []string) {
	for i, cell := range cells {
		problem, right, spreads := "", k.readable(), true
		switch {
		case !utf8.ValidString(cell):
			problem = notUTF8
		case k.decoded && strings.ContainsRune(cell, utf8.RuneError):
			problem = "holds a character that could not be decoded"
		case strings.IndexByte(cell, 0) >= 0:
			problem, right, spreads = "holds a NUL character", "remove it", false
		case isTooLong(cell):
			problem, right, spreads = "is longer than 32,767 characters", "no cell of a spreadsheet is", false
		default:
			continue
		}
		fault := k.atColumn(i, problem, right)
		fault.Source, fault.Line = k.source, k.row.Line
		fault.Value, fault.spreads = userstatus.Quote(cell), spreads
		// Not by way of add, whose look at the faults before would make this the square of the columns: these are the first.
		k.faults = append(k.faults, fault)
	}
}

func (k *checker) target(cells []string) {
	t := &k.row.Update.Target
	t.ConfigurationID = k.configuration(cells)
	t.StatusID = k.id(statusID, cells)
	if k.findRoute(cells) {
		t.Route = k.route.Name
		t.CertificateID = k.certificate(cells)
	}
}

// given returns what a field's cell or constant says.
func (k *checker) given(f field, cells []string) string {
	if column := k.layout.columns[f]; column >= 0 {
		return cells[column]
	}
	return k.options.ids[f]
}

// id returns the id, checked. Without a column there is nothing to check: a constant was checked once, and that
// neither is there is a fault of the header.
func (k *checker) id(f field, cells []string) string {
	text := k.given(f, cells)
	if k.layout.columns[f] >= 0 {
		if _, err := userstatus.ParseID(text); err != nil {
			k.refuse(f, err)
		}
	}
	return text
}

func (k *checker) configuration(cells []string) string {
	text := k.given(configurationID, cells)
	if _, ok := k.checked[text]; ok {
		return text
	}
	before := len(k.faults)
	k.id(configurationID, cells)
	if len(k.faults) == before && len(k.checked) < maxChecked {
		k.checked[strings.Clone(text)] = struct{}{}
	}
	return text
}

// findRoute puts the row's route into k.route; false when there is no such route.
func (k *checker) findRoute(cells []string) bool {
	column := k.layout.columns[route]
	if column < 0 || cells[column] == k.routeText {
		return true
	}
	text := cells[column]
	r, err := k.options.route, error(nil)
	if text != "" {
		r, err = userstatus.ParseRoute(text)
	}
	if err != nil {
		k.refuse(route, err)
		return false
	}
	k.routeText, k.route = text, r
	return true
}

func (k *checker) certificate(cells []string) string {
	text := k.given(certificateID, cells)
	switch {
	case k.route.CertificateID && text == "":
		k.add(k.at(certificateID, "is missing", "route "+k.route.Name+" needs the id of a certificate"))
	case !k.route.CertificateID && text != "":
		fault := k.at(certificateID, "is given for a route without a certificate id", "leave it empty on route "+k.route.Name)
		fault.Value = userstatus.Quote(text)
		k.add(fault)
	case text != "":
		k.id(certificateID, cells)
	}
	return text
}

func (k *checker) wanted(cells []string) {
	w := &k.row.Update.Wanted
	*w = k.options.wanted
	right := true
	for _, f := range k.layout.properties {
		text, err := k.value(f, cells)
		if err == nil {
			err = k.options.setProperty(w, f.property(), text)
		}
		if err != nil {
			k.refuse(f, err)
			right = false
		}
	}
	// That the source asks for nothing at all is a fault of the header, said once.
	if right && k.layout.asks && w.Asks() == 0 {
		k.add(Fault{Problem: "asks for nothing", Right: "fill in at least one of " + k.propertyNames() + ", or remove the row"})
	}
}

// value returns the cell of a property. A date and time that came from a database without a zone gets the one that was said.
func (k *checker) value(f field, cells []string) (string, error) {
	column := k.layout.columns[f]
	text := cells[column]
	if r := k.result; f == lastReportedField && r != nil && r.zone != nil && r.columns[column].kind == localKind && text != "" {
		return inZone(text, r.zone)
	}
	return text, nil
}

func (k *checker) remove() string {
	if k.result != nil {
		return "leave such rows out of the query"
	}
	return "remove the line"
}

func (k *checker) readable() string {
	if k.result != nil {
		return "the database has bytes there that are no text; convert them in the query"
	}
	return saveAsUTF8
}

func (k *checker) propertyNames() string {
	var names []string
	for _, f := range k.layout.properties {
		names = append(names, f.String())
	}
	return strings.Join(names, ", ")
}
