package cli

import (
	"testing"
	"time"
)

// FuzzParseTime holds every time that is understood to what a person can have meant: the same again when it is written
// out, never after now when it was said how long ago, and one day later as an end when it is a date alone.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-23", "today", "yesterday", "2026-11-23T15:04:05Z", "2026-11-23 15:04", "90m", "2h", "7d", "65535d", "65536d", "-1h", "9223372036854775807ns", "", "0001-01-01", "9999-12-31"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.FixedZone("", 3600))
	f.Fuzz(func(t *testing.T, s string) {
		from, err := ParseTime(s, now, false)
		until, endErr := ParseTime(s, now, true)
		if (err == nil) != (endErr == nil) {
			t.Fatalf("%q: %v, as an end %v", s, err, endErr)
		}
		if err != nil {
			return
		}
		if ago, ok := parseAgo(s); ok && (ago < 0 || from.After(now)) {
			t.Errorf("%q ago is %s", s, from)
		}
		if day := from.AddDate(0, 0, 1); !until.Equal(from) && !until.Equal(day) {
			t.Errorf("%q begins %s and ends %s", s, from, until)
		}
		if from.Year() < 1 || from.Year() > 9999 {
			return // RFC 3339 cannot write those
		}
		if again, err := ParseTime(from.Format(time.RFC3339Nano), now, false); err != nil || !again.Equal(from) {
			t.Errorf("%q is %s, and that is %s, %v", s, from, again, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.FixedZone("CET", 3600))
	for _, test := range []struct {
		text string
		end  bool
		want string
	}{
		{"2h", false, "2026-11-23T15:00:00Z"},
		{"90m", true, "2026-11-23T15:30:00Z"},
		{"7d", false, "2026-11-16T17:00:00Z"},
		{"2026-11-23T10:00:00Z", true, "2026-11-23T10:00:00Z"},
		{"2026-11-23T10:00:00.5+02:00", false, "2026-11-23T08:00:00.5Z"},
		{"2026-11-23", false, "2026-11-22T23:00:00Z"},
		{"2026-11-23", true, "2026-11-23T23:00:00Z"},
		{"today", false, "2026-11-22T23:00:00Z"},
		{"today", true, "2026-11-23T23:00:00Z"},
		{"yesterday", false, "2026-11-21T23:00:00Z"},
		{"yesterday", true, "2026-11-22T23:00:00Z"},
		{"2026-11-23 10:00", false, "2026-11-23T09:00:00Z"},
		{"2026-11-23T10:00:30", true, "2026-11-23T09:00:30Z"},
	} {
		got, err := ParseTime(test.text, now, test.end)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != test.want {
			t.Errorf("%s: got %s, %v", test.text, got.UTC(), err)
		}
	}
	for _, s := range []string{"tomorrow", "-2h", "2026-13-01", "d", "1.5d", "99999999d", "2026"} {
		if got, err := ParseTime(s, now, false); err == nil {
			t.Errorf("%q: got %s", s, got)
		}
	}
}
