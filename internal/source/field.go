package source

import (
	"slices"
	"strings"

	"graphpatch/internal/userstatus"
)

// field is what a column is read as.
type field int

// The fields. The properties follow in the order of userstatus.Properties' bits.
const (
	unread field = iota
	configurationID
	statusID
	route
	certificateID
	firstProperty
)

// fieldNames are the names by which columns are recognised, by field.
var fieldNames = append([]string{"", "deviceConfigurationId", "userStatusId", "route", "certificateId"}, userstatus.AllProperties.Names()...)

// requiredFields are those without which no row has a target.
var requiredFields = []field{configurationID, statusID}

// String returns the field's name, empty for unread.
func (f field) String() string { return fieldNames[f] }

// property returns the property that f is; 0 when it is part of the target.
func (f field) property() userstatus.Properties {
	if f < firstProperty {
		return 0
	}
	return 1 << (f - firstProperty)
}

// fieldByName returns the field of that name, in any case; unread when there is none. A status' key is called id in
// Graph's own answers, so that an export of them is understood as it is.
func fieldByName(name string) field {
	if strings.EqualFold(name, "id") {
		return statusID
	}
	i := slices.IndexFunc(fieldNames[1:], func(n string) bool { return strings.EqualFold(n, name) })
	return field(i + 1)
}

// fold is how names of columns are compared: without white space around them, in any case.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// didYouMean ends a message about an unknown name.
func didYouMean(name string) string {
	if near, ok := userstatus.Suggest(name, fieldNames[1:]); ok {
		return "did you mean " + near + "?"
	}
	return "use one of " + strings.Join(fieldNames[1:], ", ")
}
