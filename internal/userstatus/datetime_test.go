package userstatus

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDateTimeAccepts(t *testing.T) {
	for in, wire := range map[string]string{
		"2026-11-23T08:15:00Z":                                  "2026-11-23T08:15:00Z",
		"2017-01-01T00:00:17.7769392-08:00":                     "2017-01-01T00:00:17.7769392-08:00",
		"2017-01-01T00:00:17.77693929-08:00":                    "2017-01-01T00:00:17.7769392-08:00",
		"2026-12-31T23:59:59.99999999999999Z":                   "2026-12-31T23:59:59.9999999Z",
		"2026-11-23T08:15:00.5Z":                                "2026-11-23T08:15:00.5Z",
		"2026-11-23T08:15:00.0000000Z":                          "2026-11-23T08:15:00.0000000Z",
		"2024-02-29T00:00:00+05:45":                             "2024-02-29T00:00:00+05:45",
		"2000-02-29T00:00:00Z":                                  "2000-02-29T00:00:00Z",
		"2026-11-23T08:15:00+00:00":                             "2026-11-23T08:15:00+00:00",
		"2026-11-23T08:15:00-00:00":                             "2026-11-23T08:15:00-00:00",
		"2026-11-23T08:15:00+14:00":                             "2026-11-23T08:15:00+14:00",
		"2026-11-23T08:15:00-14:00":                             "2026-11-23T08:15:00-14:00",
		"0001-01-01T00:00:00Z":                                  "0001-01-01T00:00:00Z",
		"0001-01-01T00:00:00-14:00":                             "0001-01-01T00:00:00-14:00",
		"9999-12-31T23:59:59.9999999Z":                          "9999-12-31T23:59:59.9999999Z",
		"9999-12-31T23:59:59+14:00":                             "9999-12-31T23:59:59+14:00",
		"2026-11-23T08:15:00." + strings.Repeat("1", 300) + "Z": "2026-11-23T08:15:00.1111111Z",
	} {
		d, err := ParseDateTime(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if diff := cmp.Diff([]string{d.Given(), d.String()}, []string{in, wire}); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestParseDateTimeRefuses(t *testing.T) {
	const (
		shape    = "is no date and time of ISO 8601"
		zone     = "has no time zone"
		offset   = "has an offset beyond ±14:00"
		calendar = "is not on the calendar or the clock"
		years    = "is outside the years 1 to 9999"
	)
	for in, problem := range map[string]string{
		"":                            shape,
		"2026-11-23":                  shape,
		"2026-11-23 08:15:00Z":        shape,
		"2026-11-23t08:15:00Z":        shape,
		"2026-11-23T08:15:00z":        shape,
		"2026-11-23T08:15Z":           shape,
		"2026-11-23T08:15:00,5Z":      shape,
		"2026-11-23T08:15:00.Z":       shape,
		"2026-11-23T08:15:00+0100":    shape,
		"2026-11-23T08:15:00+01":      shape,
		"2026-11-23T08:15:00Z ":       shape,
		" 2026-11-23T08:15:00Z":       shape,
		"23.11.2026 08:15":            shape,
		"+2026-11-23T08:15:00Z":       shape,
		"２026-11-23T08:15:00Z":        shape,
		"2026-11-23T08:15:00":         zone,
		"2026-11-23T08:15:00.1234567": zone,
		"2026-11-23T08:15:00+14:01":   offset,
		"2026-11-23T08:15:00-15:00":   offset,
		"2026-11-23T08:15:00+01:60":   offset,
		"2026-11-23T08:15:00+99:99":   offset,
		"2025-02-29T00:00:00Z":        calendar,
		"1900-02-29T00:00:00Z":        calendar,
		"2026-13-01T00:00:00Z":        calendar,
		"2026-00-01T00:00:00Z":        calendar,
		"2026-04-31T00:00:00Z":        calendar,
		"2026-11-00T00:00:00Z":        calendar,
		"2026-11-23T24:00:00Z":        calendar,
		"2026-11-23T23:60:00Z":        calendar,
		"2016-12-31T23:59:60Z":        calendar,
		"0000-06-01T00:00:00Z":        years,
		"0001-01-01T00:00:00+00:01":   years,
		"9999-12-31T23:59:59-00:01":   years,
	} {
		_, err := ParseDateTime(in)
		got := valueError(t, err)
		if diff := cmp.Diff([]string{got.Value, got.Problem}, []string{in, problem}); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestDateTimesAreComparedAsInstants(t *testing.T) {
	berlin := mustDateTime(t, "2026-11-23T09:15:00+01:00")
	for in, want := range map[string]bool{
		"2026-11-23T08:15:00Z":           true,
		"2026-11-23T08:15:00.00000009Z":  true, // less than Graph can tell
		"2026-11-23T08:15:00.0000001Z":   false,
		"2026-11-23T09:15:00Z":           false,
		"2026-11-22T20:15:00.0000-12:00": true,
	} {
		if got := berlin.Equal(mustDateTime(t, in)); got != want {
			t.Errorf("%s equals %s: got %v, want %v", berlin, in, got, want)
		}
	}
}

func FuzzParseDateTime(f *testing.F) {
	for _, s := range []string{"2026-11-23T08:15:00Z", "2017-01-01T00:00:17.77693929-08:00", "2024-02-29T24:00:60+14:00",
		"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-11-23t08:15:00z", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDateTime(s)
		if err != nil {
			valueError(t, err)
			return
		}
		wire, err := time.Parse(time.RFC3339Nano, d.String())
		if err != nil {
			t.Fatalf("%q is sent as %q: %v", s, d, err)
		}
		if given := mustDateTime(t, d.String()); !given.Equal(d) || d.Given() != s {
			t.Errorf("%q is not the instant of its wire form %q", s, d)
		}
		if wire.Nanosecond()%100 != 0 {
			t.Errorf("%q is sent with more than seven digits: %q", s, d)
		}
	})
}

func mustDateTime(t *testing.T, s string) DateTime {
	t.Helper()
	d, err := ParseDateTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
