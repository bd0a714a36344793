package source

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// options is what a Config asks for beyond the source itself, checked and ready for use with every row.
type options struct {
	tenant      uuid.UUID
	mapped      map[string]field // by folded column name
	spelled     map[string]string
	given       []bool // by field: a constant gives it
	ids         []string
	route       userstatus.Route
	wanted      userstatus.Wanted // the constant properties
	emptyAsNull bool
}

// newOptions checks the options; the error joins all faults.
func newOptions(tenant uuid.UUID, columns, constants map[string]string, emptyAsNull bool) (*options, error) {
	plain, _ := userstatus.RouteByName(userstatus.Plain)
	o := &options{
		tenant:      tenant,
		mapped:      map[string]field{},
		spelled:     map[string]string{},
		given:       make([]bool, len(fieldNames)),
		ids:         make([]string, len(fieldNames)),
		route:       plain,
		emptyAsNull: emptyAsNull,
	}
	var faults []error
	if tenant == uuid.Nil {
		faults = append(faults, errors.New("no tenant is given"))
	}
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		if err := o.set(name, constants[name]); err != nil {
			faults = append(faults, fmt.Errorf("--set %s=%s: %w", name, constants[name], err))
		}
	}
	for _, column := range slices.Sorted(maps.Keys(columns)) {
		if err := o.mapColumn(column, columns[column]); err != nil {
			faults = append(faults, fmt.Errorf("--map %s=%s: %w", column, columns[column], err))
		}
	}
	return o, errors.Join(faults...)
}

func (o *options) mapColumn(column, property string) error {
	f := fieldByName(strings.TrimSpace(property))
	folded := fold(column)
	switch {
	case folded == "":
		return errors.New("names no column")
	case f == unread:
		return fmt.Errorf("%s is nothing that a column can be read as: %s", userstatus.Quote(property), didYouMean(property))
	case o.given[f]:
		return fmt.Errorf("%s is given by --set as well", f)
	case o.mapped[folded] != unread:
		return fmt.Errorf("column %s is mapped twice", userstatus.Quote(column))
	}
	for other, g := range o.mapped {
		if f == g {
			return fmt.Errorf("%s is read from column %s already", f, userstatus.Quote(o.spelled[other]))
		}
	}
	o.mapped[folded], o.spelled[folded] = f, column
	return nil
}

func (o *options) set(property, value string) error {
	f := fieldByName(strings.TrimSpace(property))
	switch {
	case f == unread:
		return fmt.Errorf("%s is nothing that can be set: %s", userstatus.Quote(property), didYouMean(property))
	case o.given[f]:
		return fmt.Errorf("%s is set twice", f)
	}
	o.given[f] = true
	switch f {
	case route:
		return o.setRoute(value)
	case configurationID, statusID, certificateID:
		o.ids[f] = value
		_, err := userstatus.ParseID(value)
		return err
	}
	if value == "" && !o.nullable(f.property()) {
		return errors.New("asks for nothing: give a value")
	}
	return o.setProperty(&o.wanted, f.property(), value)
}

func (o *options) setRoute(value string) (err error) {
	if value != "" {
		o.route, err = userstatus.ParseRoute(value)
	}
	return err
}

// nullable reports whether an empty text asks for null.
func (o *options) nullable(p userstatus.Properties) bool {
	return o.emptyAsNull && p&(userstatus.UserDisplayName|userstatus.UserPrincipalName) != 0
}

// setProperty puts text into w: an empty one leaves the property alone, or makes it null.
func (o *options) setProperty(w *userstatus.Wanted, p userstatus.Properties, text string) error {
	if text != "" {
		return w.Set(p, text)
	}
	if o.nullable(p) {
		return w.SetNull(p)
	}
	return nil
}

// recognise returns what a column of that name is read as; what --map says comes first.
func (o *options) recognise(column string) field {
	if f := o.mapped[fold(column)]; f != unread {
		return f
	}
	return fieldByName(strings.TrimSpace(column))
}
