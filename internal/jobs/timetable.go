package jobs

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"graphpatch/internal/ledger"
)

// punctual is how late a time is still fired for when missed ones are let go.
const punctual = time.Minute

// dueNow finds what is to be done about a schedule's times: the latest that has come is fired for, once, however many came
// before it. While a firing or its run is under way nothing is, and its times are missed; a firing that nobody works any
// more is taken over first.
func dueNow(times Times, catchUp bool, s ledger.Schedule) (d ledger.Due) {
	switch {
	case !s.Firing.IsZero() && s.Left:
		return ledger.Due{At: s.Firing, Fire: true}
	case !s.Firing.IsZero() || s.Busy != 0:
		return ledger.Due{}
	}
	for t := times.Next(s.LastDue); !t.IsZero() && !t.After(s.Now); t = times.Next(t) {
		d.At, d.Missed = t, d.Missed+1
	}
	d.Fire = !d.At.IsZero() && (catchUp || s.Now.Sub(d.At) <= punctual)
	if d.Fire {
		d.Missed--
	}
	return d
}

// Times are those of a schedule.
type Times = cron.Schedule

// ParseTimes reads five fields of cron, or a word such as @daily, as times of a zone.
func ParseTimes(text string, zone *time.Location) (Times, error) {
	if strings.Contains(text, "TZ=") {
		return nil, errors.New("the zone is said beside it")
	}
	times, err := cron.ParseStandard(text)
	if fields, ok := times.(*cron.SpecSchedule); ok {
		fields.Location = zone
	}
	return times, err
}
