package main

import (
	"testing"
	"time"
)

// FuzzParseTime holds every time that is understood to what a person can have meant: the same again when it is written
// out, never after now when it was said how long ago, and one day later as an end when it is a date alone.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-23", "2026-11-23T15:04:05Z", "2026-11-23 15:04", "90m", "2h", "7d", "65535d", "65536d", "-1h", "9223372036854775807ns", "", "0001-01-01", "9999-12-31"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.FixedZone("", 3600))
	f.Fuzz(func(t *testing.T, s string) {
		from, err := parseTime(s, now, false)
		until, endErr := parseTime(s, now, true)
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
		if again, err := parseTime(from.Format(time.RFC3339Nano), now, false); err != nil || !again.Equal(from) {
			t.Errorf("%q is %s, and that is %s, %v", s, from, again, err)
		}
	})
}
