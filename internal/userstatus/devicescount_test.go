package userstatus

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDevicesCountAccepts(t *testing.T) {
	for in, want := range map[string]int32{"0": 0, "12": 12, "-1": -1, "2147483647": 2147483647, "-2147483648": -2147483648} {
		if got, err := ParseDevicesCount(in); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", in, got, err, want)
		}
	}
}

func TestParseDevicesCountRefuses(t *testing.T) {
	const (
		form   = "is not written as a plain whole number"
		whole  = "is no whole number"
		fit    = "does not fit an Int32"
		digits = "use digits only, -2147483648 to 2147483647"
		limits = "use -2147483648 to 2147483647"
	)
	for _, c := range []ValueError{
		{"+5", form, "write 5"},
		{"007", form, "write 7"},
		{"-0", form, "write 0"},
		{"12.0", form, "write 12"},
		{"1e3", form, "write 1000"},
		{"12.5", whole, digits},
		{"", whole, digits},
		{" 12", whole, digits},
		{"1,000", whole, digits},
		{"twelve", whole, digits},
		{"NaN", whole, digits},
		{"１２", whole, digits},
		{"2147483648", fit, limits},
		{"-2147483649", fit, limits},
		{"1" + strings.Repeat("0", 400), fit, limits},
	} {
		_, err := ParseDevicesCount(c.Value)
		if diff := cmp.Diff(valueError(t, err), &c); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzParseDevicesCount(f *testing.F) {
	for _, s := range []string{"0", "-1", "2147483648", "12.0", "1e9", "1e999", "0x1p4", "+5", "Inf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseDevicesCount(s)
		if err != nil {
			valueError(t, err)
			return
		}
		if back := strconv.Itoa(int(n)); back != s {
			t.Errorf("%q reads back as %q", s, back)
		}
	})
}
