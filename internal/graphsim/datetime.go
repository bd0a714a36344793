package graphsim

import "time"

// validDateTimeOffset says whether text is an Edm.DateTimeOffset as Graph takes
// it: YYYY-MM-DDThh:mm:ss, at most 7 fractional digits (the service counts in
// 100 ns), and a zone, Z or ±hh:mm up to 14 hours. The day must be in the
// calendar and the instant, in UTC, in the years 1 to 9999.
//
// It reads digit by digit, because time.Parse takes a comma for a point, a
// lower-case t, one-digit hours and any number of fractional digits.
func validDateTimeOffset(text string) bool {
	const layout = "0000-00-00T00:00:00"
	if len(text) < len(layout) || !shaped(text[:len(layout)], layout) {
		return false
	}
	rest, ok := cutFraction(text[len(layout):])
	if !ok {
		return false
	}
	offset, ok := zoneMinutes(rest)
	return ok && inCalendar(text, offset)
}

// shaped says whether text has a digit where layout has a zero, and the same
// character elsewhere.
func shaped(text, layout string) bool {
	if len(text) != len(layout) {
		return false
	}
	for i := range len(text) {
		if layout[i] == '0' && isDigit(text[i]) {
			continue
		}
		if layout[i] == '0' || text[i] != layout[i] {
			return false
		}
	}
	return true
}

// cutFraction takes away a point and 1 to 7 digits, if there is a point.
func cutFraction(text string) (rest string, ok bool) {
	if text == "" || text[0] != '.' {
		return text, true
	}
	end := 1
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	return text[end:], end >= 2 && end <= 8
}

func zoneMinutes(text string) (minutes int, ok bool) {
	if text == "Z" {
		return 0, true
	}
	if !shaped(text, "+00:00") && !shaped(text, "-00:00") {
		return 0, false
	}
	hours, minutes := number(text[1:3]), number(text[4:6])
	total := hours*60 + minutes
	if minutes > 59 || total > 14*60 {
		return 0, false
	}
	if text[0] == '-' {
		total = -total
	}
	return total, true
}

// inCalendar looks at text that is shaped already.
func inCalendar(text string, offsetMinutes int) bool {
	year, month, day := number(text[0:4]), number(text[5:7]), number(text[8:10])
	hour, minute, second := number(text[11:13]), number(text[14:16]), number(text[17:19])
	if year < 1 || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	local := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if int(local.Month()) != month || local.Day() != day {
		return false // time.Date carries 30 February over into March
	}
	utc := local.Add(-time.Duration(offsetMinutes) * time.Minute)
	return utc.Year() >= 1 && utc.Year() <= 9999
}

// number reads digits that were checked to be digits.
func number(digits string) int {
	n := 0
	for i := range len(digits) {
		n = 10*n + int(digits[i]-'0')
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
