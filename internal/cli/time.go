package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// localLayouts are read in the zone of the person: the tables show times like that.
var localLayouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"}

// ParseTime reads a time with its zone; a time, a date, "today" or "yesterday" in the zone of now; or a duration before now.
// With end, a day means the end of that day, because "until Monday" has Monday in it.
func ParseTime(s string, now time.Time, end bool) (time.Time, error) {
	if ago, ok := parseAgo(s); ok {
		return now.Add(-ago), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range localLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	day, err := parseDay(s, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-23, 2026-11-23T15:04:05Z, today, yesterday, or how long ago: 90m, 2h, 7d", s)
	}
	if end {
		day = day.AddDate(0, 0, 1)
	}
	return day, nil
}

// parseDay returns the beginning of a day.
func parseDay(s string, now time.Time) (time.Time, error) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch s {
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	return time.ParseInLocation(time.DateOnly, s, now.Location())
}

// parseAgo reads a duration of Go's, or a number of days.
func parseAgo(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}
