package source

import (
	"strings"
	"testing"
)

func TestInZone(t *testing.T) {
	for _, c := range []struct{ zone, wall, want string }{
		{"UTC", "2026-11-23 08:15:00", "2026-11-23T08:15:00Z"},
		{"UTC", "2026-11-23 08:15:00.1234567", "2026-11-23T08:15:00.1234567Z"},
		{"+05:30", "2026-11-23 08:15:00.250000", "2026-11-23T08:15:00.25+05:30"},
		{"-03:00", "0001-01-01 00:00:00", "0001-01-01T00:00:00-03:00"},
		{"Europe/Berlin", "2026-11-23 08:15:00", "2026-11-23T08:15:00+01:00"},
		{"Europe/Berlin", "2026-07-01 00:00:00", "2026-07-01T00:00:00+02:00"},
		{"Europe/Berlin", "2026-03-29 01:59:59.999", "2026-03-29T01:59:59.999+01:00"},
		{"Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29T03:00:00+02:00"},
		{"Europe/Berlin", "2026-03-29 02:00:00", `"2026-03-29 02:00:00" does not exist in Europe/Berlin`},
		{"Europe/Berlin", "2026-10-25 01:59:59", "2026-10-25T01:59:59+02:00"},
		{"Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25T03:00:00+01:00"},
		{"Europe/Berlin", "2026-10-25 02:00:00", `"2026-10-25 02:00:00" happens twice in Europe/Berlin`},
		{"Australia/Lord_Howe", "2026-10-04 02:15:00", `"2026-10-04 02:15:00" does not exist in Australia/Lord_Howe`}, // half an hour
		{"Europe/Berlin", "1890-01-01 00:00:00", "1889-12-31T23:06:32Z"},                                              // 53 minutes and 28 seconds ahead
		{"UTC", "2026-02-29 00:00:00", `"2026-02-29 00:00:00" is no date and time`},
		{"UTC", "0000-00-00 00:00:00", `"0000-00-00 00:00:00" is no date and time`},
		{"UTC", "infinity", `"infinity" is no date and time`},
		{"UTC", "2026-11-23", `"2026-11-23" is no date and time`},
		{"UTC", "10000-01-01 00:00:00", `"10000-01-01 00:00:00" is no date and time`},
	} {
		zone, err := ParseZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := inZone(c.wall, zone)
		if err != nil {
			got, _, _ = strings.Cut(err.Error(), ": ")
		}
		if got != c.want {
			t.Errorf("%s in %s: got %s, want %s", c.wall, c.zone, got, c.want)
		}
	}
}

func TestParseZoneRefuses(t *testing.T) {
	for _, name := range []string{"", "Local", "Berlin", "../../etc/passwd", "+1", "CEST ", "+25:00", "2026"} {
		if zone, err := ParseZone(name); err == nil {
			t.Errorf("%q is taken for %v", name, zone)
		}
	}
}
