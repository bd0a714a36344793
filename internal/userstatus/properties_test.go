package userstatus

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryPropertyIsFoundByName(t *testing.T) {
	var all Properties
	for i, c := range texts {
		if c.property != 1<<i {
			t.Errorf("%s is bit %b, want %b: the bits are stored", c.name, c.property, 1<<i)
		}
		for _, spelled := range []string{c.name, strings.ToUpper(c.name), strings.ToLower(c.name)} {
			if got, ok := PropertyByName(spelled); !ok || got != c.property {
				t.Errorf("%q: got %s, %v", spelled, got, ok)
			}
		}
		if diff := cmp.Diff(c.property.Names(), []string{c.name}); diff != "" {
			t.Error(diff)
		}
		all |= c.property
	}
	if all != AllProperties {
		t.Errorf("AllProperties is %s", AllProperties)
	}
}

func TestPropertiesAreNamedInMicrosoftsOrder(t *testing.T) {
	const want = "userDisplayName, devicesCount, status, lastReportedDateTime, userPrincipalName"
	if got := AllProperties.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Properties(0).String(); got != "" {
		t.Errorf("no property is named %q", got)
	}
}

func TestPropertyByNameKnowsNoOther(t *testing.T) {
	for _, name := range []string{"", "id", "devices count", "userStatusId"} {
		if p, ok := PropertyByName(name); ok {
			t.Errorf("%q was taken for %s", name, p)
		}
	}
}
