package source

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"graphpatch/internal/userstatus"
)

// ParseZone reads a time zone: its name in the IANA database, or an offset such as +01:00. What the machine takes for its own
// zone is none, because a run must not depend on where it was enqueued.
func ParseZone(name string) (*time.Location, error) {
	if t, err := time.Parse("-07:00", name); err == nil {
		_, offset := t.Zone()
		return time.FixedZone(name, offset), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || zone == time.Local {
		return nil, fmt.Errorf("%s is no time zone: write a name such as UTC or Europe/Berlin, or an offset such as +01:00", userstatus.Quote(name))
	}
	return zone, nil
}

// shownInUTC is a date and time as servers write it, without its zone.
var shownInUTC = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$`)

// inUTC makes an instant that a server shows in UTC, with that suffix, one of ISO 8601. Zeros at the end of its fraction are
// those of the column's type. What a server alone can understand stays, to be refused where it is read.
func inUTC(text, suffix string) string {
	wall, ok := strings.CutSuffix(text, suffix)
	if !ok || !shownInUTC.MatchString(wall) {
		return text
	}
	if strings.Contains(wall, ".") {
		wall = strings.TrimRight(strings.TrimRight(wall, "0"), ".")
	}
	return wall[:10] + "T" + wall[11:] + "Z"
}

// localLayout is how a date and time without a zone comes from a server. A fraction may follow.
const localLayout = "2006-01-02 15:04:05"

// inZone gives a date and time its offset in the zone. The error is a *userstatus.ValueError: the text is none, or the clocks
// of the zone never showed it, or twice.
func inZone(text string, zone *time.Location) (string, error) {
	wall, err := time.Parse(localLayout, text)
	if err != nil {
		return "", &userstatus.ValueError{Value: text, Problem: "is no date and time", Right: "years 1 to 9999, without infinity"}
	}
	bad := func(problem string) (string, error) {
		return "", &userstatus.ValueError{Value: text, Problem: problem + " in " + zone.String(), Right: "the clocks change; convert it in the query to a type with a zone"}
	}
	shown := 0
	var instant time.Time
	seen := map[int]bool{}
	for _, near := range []time.Time{wall.Add(-day), wall.Add(day)} {
		_, offset := near.In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, is := at.Zone(); is == offset && !seen[offset] {
			seen[offset] = true
			shown, instant = shown+1, at
		}
	}
	switch shown {
	case 0:
		return bad("does not exist")
	case 1:
		if _, offset := instant.Zone(); offset%60 != 0 {
			instant = instant.UTC() // as it was before zones had whole minutes: no offset can say that
		}
		return instant.Format("2006-01-02T15:04:05.999999999Z07:00"), nil
	}
	return bad("happens twice")
}

// day is more than any offset, and less than the time between two changes of a zone's clocks.
const day = 26 * time.Hour
