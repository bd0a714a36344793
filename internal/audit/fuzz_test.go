package audit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func FuzzParseRun(f *testing.F) {
	for _, s := range []string{"202611000042", "202613000042", "42", "-20261100004", "２０２６１１"} {
		f.Add(s)
	}
	right := regexp.MustCompile(`^\d{4}(0[1-9]|1[0-2])\d{6}$`)
	f.Fuzz(func(t *testing.T, s string) {
		run, err := ParseRun(s)
		if err == nil && (!right.MatchString(s) || fmt.Sprintf("%012d", run) != s) {
			t.Errorf("%q: got %d", s, run)
		}
		if err != nil && right.MatchString(s) && !strings.HasSuffix(s, "000000") && s >= "2000" {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	for _, s := range []string{"429", "4xx", "5XX", "4x", "600", "0xx", "+42"} {
		f.Add(s)
	}
	right := regexp.MustCompile(`^[1-5](\d\d|[xX]{2})$`)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseStatus(s)
		if (err == nil) != right.MatchString(s) {
			t.Errorf("%q: got %v, %v", s, got, err)
		}
		if err == nil && (got.Low < 100 || got.High > 599 || got.High < got.Low || got.Low/100 != got.High/100) {
			t.Errorf("%q: got %v", s, got)
		}
	})
}

func FuzzParseUser(f *testing.F) {
	for _, s := range []string{"anna@contoso.com", "anna.*", "*", "a*b", "", "a_%\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseUser(s)
		if err != nil {
			if s != "" && !strings.Contains(strings.TrimSuffix(s, "*"), "*") {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		again := got.Text
		if got.Prefix {
			again += "*"
		}
		if again != s || strings.Contains(got.Text, "*") {
			t.Errorf("%q: got %+v", s, got)
		}
	})
}

func FuzzParseOutcome(f *testing.F) {
	for _, s := range []string{"applied", "Applied", "appplied", "banana", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseOutcome(s)
		if known := slices.Contains(Outcomes(), s); known != (err == nil) || known && got != s {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x1b") {
			t.Errorf("%q: told %q", s, err)
		}
	})
}
