package userstatus

import "time"

// DateTime is an Edm.DateTimeOffset as it was given: its own offset and its own digits. Graph keeps seven
// fractional digits; more are cut off on the wire, never rounded, and none are invented.
type DateTime struct {
	given string
	wire  string
	at    time.Time
}

// maxFraction is the precision of Edm.DateTimeOffset in Graph: 100 ns.
const maxFraction = 7

// ParseDateTime accepts yyyy-mm-ddThh:mm:ss, an optional fraction, and a mandatory zone: Z or ±hh:mm up to ±14:00
// (the range of .NET's DateTimeOffset, which Graph is built on: years 1 to 9999, in UTC too). The error is a
// *ValueError.
func ParseDateTime(s string) (DateTime, error) {
	bad := func(problem, right string) (DateTime, error) {
		return DateTime{}, &ValueError{Value: s, Problem: problem, Right: right}
	}
	const example = "2026-11-23T08:15:00Z"
	seconds, fraction, zone, ok := splitDateTime(s)
	switch {
	case !ok:
		return bad("is no date and time of ISO 8601", "write it like "+example)
	case zone == "":
		return bad("has no time zone", "end it with Z or an offset such as +01:00")
	case !validOffset(zone):
		return bad("has an offset beyond ±14:00", "write it like "+example)
	}
	wire := s
	if len(fraction) > maxFraction {
		wire = seconds + "." + fraction[:maxFraction] + zone
	}
	at, err := time.Parse(time.RFC3339Nano, wire)
	if err != nil {
		return bad("is not on the calendar or the clock", "check month, day, hour, minute and second")
	}
	if y := at.UTC().Year(); at.Year() < 1 || y < 1 || y > 9999 {
		return bad("is outside the years 1 to 9999", "write it like "+example)
	}
	return DateTime{given: s, wire: wire, at: at}, nil
}

// Given returns the text as it was parsed, every digit included.
func (d DateTime) Given() string { return d.given }

// String returns the text as it is sent: at most seven fractional digits, the given offset.
func (d DateTime) String() string { return d.wire }

// Equal reports whether both are the same instant, whatever their offsets: the way Graph's answers are compared.
func (d DateTime) Equal(o DateTime) bool { return d.at.Equal(o.at) }

// splitDateTime takes s apart by shape alone; whether the day exists is for the caller. zone is empty when s ends
// after the seconds.
func splitDateTime(s string) (seconds, fraction, zone string, ok bool) {
	const shape = "dddd-dd-ddTdd:dd:dd"
	if len(s) < len(shape) || !hasShape(s[:len(shape)], shape) {
		return "", "", "", false
	}
	seconds, rest := s[:len(shape)], s[len(shape):]
	if rest != "" && rest[0] == '.' {
		n := 1
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		fraction, rest = rest[1:n], rest[n:]
		if fraction == "" {
			return "", "", "", false
		}
	}
	if rest != "" && rest != "Z" && !hasShape(rest, "+dd:dd") && !hasShape(rest, "-dd:dd") {
		return "", "", "", false
	}
	return seconds, fraction, rest, true
}

func hasShape(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := range len(shape) {
		if shape[i] == 'd' && !isDigit(s[i]) || shape[i] != 'd' && s[i] != shape[i] {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func validOffset(zone string) bool {
	if zone == "Z" {
		return true
	}
	hours, minutes := zone[1:3], zone[4:6]
	return minutes <= "59" && (hours < "14" || hours == "14" && minutes == "00")
}
