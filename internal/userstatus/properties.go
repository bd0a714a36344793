package userstatus

import (
	"slices"
	"strings"
)

// Properties is a set of the five properties an update can ask for.
type Properties uint8

// The properties, in the order of Microsoft's example request. The bits are stored: never renumber them.
const (
	UserDisplayName Properties = 1 << iota
	DevicesCount
	Status
	LastReportedDateTime
	UserPrincipalName
)

// propertyNames is in the order of the bits.
var propertyNames = [...]string{"userDisplayName", "devicesCount", "status", "lastReportedDateTime", "userPrincipalName"}

// Names returns the properties' names as Graph spells them, in the order of Microsoft's example.
func (p Properties) Names() []string {
	var names []string
	for i, name := range propertyNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func (p Properties) String() string { return strings.Join(p.Names(), ", ") }

// PropertyByName returns the property that Graph spells like that, in any case.
func PropertyByName(name string) (Properties, bool) {
	i := slices.IndexFunc(propertyNames[:], func(n string) bool { return strings.EqualFold(n, name) })
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}

// AllProperties is the set of all five.
const AllProperties = UserDisplayName | DevicesCount | Status | LastReportedDateTime | UserPrincipalName
