package audit

import (
	"strings"
	"testing"
)

func TestParseRun(t *testing.T) {
	if run, err := ParseRun("202611000042"); run != 202611000042 || err != nil {
		t.Errorf("got %d, %v", run, err)
	}
	for _, s := range []string{"", "42", "foo", "202613000042", "202600000042", "202611000000", "+02611000042", "2026110000420", "-20261100004", "２０２６１１"} {
		if _, err := ParseRun(s); err == nil || !strings.Contains(err.Error(), "is no run number: those have twelve digits") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for s, want := range map[string]StatusRange{"429": {429, 429}, "4xx": {400, 499}, "5XX": {500, 599}, "100": {100, 100}} {
		if got, err := ParseStatus(s); got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "4", "4x", "xx", "600", "6xx", "0xx", "4x4", "42 ", "1000", "-99"} {
		if _, err := ParseStatus(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestParseUser(t *testing.T) {
	for s, want := range map[string]UserPattern{"anna@contoso.com": {Text: "anna@contoso.com"}, "anna.*": {"anna.", true}, "*": {"", true}} {
		if got, err := ParseUser(s); got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "*.com", "a*b*", "a**"} {
		if _, err := ParseUser(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestParseOutcome(t *testing.T) {
	for s, want := range map[string]string{
		"appplied": `"appplied" is no outcome: write applied`,
		"Held":     `"Held" is no outcome: write held`,
		"banana":   `"banana" is no outcome: use some of applied, rejected, failed, unchanged, superseded, moved, missing, observed, throttled, unauthorized, refused, transient, unknown, enqueued, planned, held, released, cancelled, finished, replayed, reverted, erased`,
	} {
		if _, err := ParseOutcome(s); err == nil || err.Error() != want {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range Outcomes() {
		if got, err := ParseOutcome(s); got != s || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
}
