package userstatus

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestQuoteCutsOnARuneAndSaysSo(t *testing.T) {
	for in, want := range map[string]string{
		"":                      `""`,
		"a\"b\n":                `"a\"b\n"`,
		"東京":                    `"東京"`,
		"\xff":                  `"\xff"`,
		strings.Repeat("x", 80): `"` + strings.Repeat("x", 80) + `"`,
		strings.Repeat("x", 81): `"` + strings.Repeat("x", 80) + `"… (81 bytes)`,
		strings.Repeat("東", 27): `"` + strings.Repeat("東", 26) + `"… (81 bytes)`,
	} {
		if got := Quote(in); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("Ada")
	f.Add(strings.Repeat("\x80", 100))
	f.Add(strings.Repeat("🙂", 40))
	f.Fuzz(func(t *testing.T, s string) {
		got := Quote(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") || len(got) > 6*maxQuoted+40 {
			t.Errorf("Quote(%q) = %s", s, got)
		}
	})
}

func TestSuggest(t *testing.T) {
	choices := []string{"status", "devicesCount", "userPrincipalName", "id"}
	for word, want := range map[string]string{
		"status":               "status",
		"STATUS":               "status",
		"devices_count":        "devicesCount",
		"Devices Count":        "devicesCount",
		"devicecount":          "devicesCount",
		"userPrincipelNames":   "userPrincipalName",
		"state":                "",
		"statusses":            "",
		"ids":                  "id",
		"ix":                   "id",
		"xy":                   "",
		"":                     "",
		"lastReportedDateTime": "",
	} {
		if got, ok := Suggest(word, choices); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", word, got, ok, want)
		}
	}
}

func TestSuggestTakesNoTimeForACellOfAMegabyte(t *testing.T) {
	began := time.Now()
	for range 20 {
		if got, ok := Suggest(strings.Repeat("x", 1<<20), []string{"status", "devicesCount"}); ok {
			t.Fatalf("suggested %q", got)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestValueErrorReadsAsASentence(t *testing.T) {
	for want, e := range map[string]*ValueError{
		`"Compliant" is no complianceStatus: write compliant`: {"Compliant", "is no complianceStatus", "write compliant"},
		`"" cannot be null`: {"", "cannot be null", ""},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
