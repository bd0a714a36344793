package ledger

import (
	"strings"
	"testing"
)

func TestParseFailureLimit(t *testing.T) {
	for text, want := range map[string]FailureLimit{
		"1":     {Rows: 1},
		"200":   {Rows: 200},
		"5%":    {Percent: 5, Share: true},
		"0.5%":  {Percent: 0.5, Share: true},
		"0%":    {Share: true},
		"99.9%": {Percent: 99.9, Share: true},
		"100%":  {},
	} {
		var got FailureLimit
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{"", "0", "-1", "1.5", "5 rows", "%", "-1%", "101%", "NaN%", "five%", "2147483648"} {
		if got, err := ParseFailureLimit(text); err == nil || !strings.Contains(err.Error(), "100% is no limit") {
			t.Errorf("%q: got %+v, %v, want a fault", text, got, err)
		}
	}
}

func TestExceeded(t *testing.T) {
	for _, test := range []struct {
		limit             string
		settled, failures int32
		want              bool
	}{
		{"100%", 1_000_000, 1_000_000, false},
		{"3", 1_000_000, 2, false},
		{"3", 3, 3, true},
		{"3", 1_000_000, 4, true},
		{"5%", 99, 99, false},
		{"5%", 100, 5, false},
		{"5%", 100, 6, true},
		{"5%", 1000, 50, false},
		{"5%", 1000, 51, true},
		{"0%", 100, 0, false},
		{"0%", 100, 1, true},
		{"0.1%", 2_000_000_000, 2_000_000, false},
		{"0.1%", 2_000_000_000, 2_000_001, true},
	} {
		limit, err := ParseFailureLimit(test.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got := limit.exceeded(test.settled, test.failures); got != test.want {
			t.Errorf("%s, %d of %d: got %v", test.limit, test.failures, test.settled, got)
		}
	}
}
