package budget

import (
	"fmt"
	"math"
	"time"
)

// Queue is what is to be written to a tenant: the rows of one run, and those of other runs that are worked before them.
type Queue struct{ Ahead, Rows int }

// Forecast is how long a queue takes, if nothing changes. Retries and reads come on top.
type Forecast struct {
	Known    bool    // false: nobody has ever worked this tenant, so it is the configured limit's
	Limit    Limit   // of the one app that is at work, or of the tenant's apps together
	Factor   float64 // what part of the limit is used
	Apps     int     // that are at work
	Interval time.Duration
	Pause    *Pause        // in force; nil when there is none
	Paused   time.Duration // how much of it is left
	Ahead    time.Duration // what the other runs' rows take, the pause not among it
	Own      time.Duration // what the run's own rows take
}

// Total is how long it is from now until the last row.
func (f Forecast) Total() time.Duration { return plus(plus(f.Paused, f.Ahead), f.Own) }

// Plan works out how long a queue takes: at the limit that was configured when the tenant has no budget yet. Of the apps
// that ever worked the tenant only those count that were seen last; together they are no faster than the tenant's own limit.
func Plan(standings []Standing, configured Limit, q Queue) Forecast {
	f := Forecast{Limit: configured, Factor: 1, Apps: 1, Interval: configured.Interval()}
	apps, tenant := writers(standings)
	if len(apps) > 0 {
		f = together(apps, tenant)
	}
	f.Ahead, f.Own = times(q.Ahead, f.Interval), times(q.Rows, f.Interval)
	return f
}

// seenTogether is how far apart two processes at work may have been seen. Nobody reserves during a pause, so it is the
// time between the two that counts, not how long ago it was.
const seenTogether = time.Minute

// writers are the rows of the apps that are at work, and that of the tenant, if it has one.
func writers(standings []Standing) (apps []Standing, tenant *Standing) {
	var last time.Time
	for i, s := range standings {
		switch {
		case s.Class != "write":
		case s.App == "":
			tenant = &standings[i]
		case s.Seen.After(last):
			last = s.Seen
		}
	}
	for _, s := range standings {
		if s.Class == "write" && s.App != "" && last.Sub(s.Seen) <= seenTogether {
			apps = append(apps, s)
		}
	}
	return apps, tenant
}

// together is the pace and the pause of the apps. Rows go on as soon as one app may send.
func together(apps []Standing, tenant *Standing) Forecast {
	first, rate := apps[0], 0.0
	for _, s := range apps {
		rate += 1 / s.Interval.Seconds()
		if s.left() < first.left() {
			first = s
		}
	}
	f := Forecast{Known: true, Limit: first.Limit, Factor: first.Factor, Apps: len(apps), Interval: first.Interval}
	if len(apps) > 1 {
		f.Interval = time.Duration(float64(time.Second) / rate)
	}
	if tenant != nil {
		if tenant.Interval > f.Interval {
			f.Limit, f.Factor, f.Interval = tenant.Limit, tenant.Factor, tenant.Interval
		}
		if tenant.left() > first.left() {
			first = *tenant
		}
	}
	if first.Paused() {
		f.Pause, f.Paused = &first.Pause, first.left()
	}
	return f
}

// left is how much of a pause is left.
func (s Standing) left() time.Duration { return max(0, s.Pause.Until.Sub(s.Now)) }

// Pace says at what rate the forecast reckons, for a person.
func (f Forecast) Pace() string {
	switch {
	case f.Apps > 1:
		return fmt.Sprintf("%.1f rows a second by %d apps", 1/f.Interval.Seconds(), f.Apps)
	case f.Factor < 1:
		return fmt.Sprintf("%.0f %% of %s", 100*f.Factor, f.Limit)
	}
	return f.Limit.String()
}

// Describe says why nobody sends and until when, in the given zone; left is how long that is from now.
func (p Pause) Describe(left time.Duration, zone *time.Location) string {
	until := fmt.Sprintf("until %s, %s", p.Until.In(zone).Format(time.TimeOnly), inSeconds(left))
	switch {
	case p.Asked:
		until = "paused by Graph " + until
	case p.Down:
		until = "paused " + until + ", because nothing gets through"
	case p.Strikes > 1:
		until = fmt.Sprintf("paused %s, after %d answers in a row that asked for fewer requests", until, p.Strikes)
	default:
		until = "paused " + until
	}
	if p.Reason != "" && !p.Down {
		until += " (" + p.Reason + ")"
	}
	return until
}

// inSeconds writes a time to the second: in seconds while it is short, because that is how Graph counts.
func inSeconds(d time.Duration) string {
	if s := math.Ceil(d.Seconds()); s < 120 {
		return fmt.Sprintf("%.0f s", s)
	}
	return d.Round(time.Second).String()
}

// times is n intervals, at most the longest Duration.
func times(n int, interval time.Duration) time.Duration {
	if n > 0 && interval > math.MaxInt64/time.Duration(n) {
		return math.MaxInt64
	}
	return time.Duration(n) * interval
}

// plus adds up to the longest Duration.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
