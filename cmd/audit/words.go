package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// standing says in one sentence where a run stands.
func standing(d *audit.Detail) string {
	switch d.State {
	case "finished":
		return finished(d)
	case "held":
		return fmt.Sprintf("held: %s\n%s", reason(&d.Run), settledOf(d, "wait for a release"))
	case "cancelled":
		return fmt.Sprintf("cancelled: %s\n%s", reason(&d.Run), cancelled(d))
	}
	doing := d.State
	if doing == "planning" {
		doing = "planning, which reads the statuses before anything is sent"
	}
	s := doing + ": " + settledOf(d, "open")
	if d.Reason != nil {
		s = d.State + ", but it waits: " + cli.Visible(*d.Reason) + "\n" + settledOf(d, "open")
	}
	return s
}

func finished(d *audit.Detail) string {
	var bad []string
	if d.Rejected > 0 {
		bad = append(bad, count(d.Rejected, "row")+" rejected")
	}
	if d.Failed > 0 {
		bad = append(bad, count(d.Failed, "row")+" failed")
	}
	if d.Moved > 0 {
		bad = append(bad, count(d.Moved, "row")+" moved")
	}
	if len(bad) == 0 {
		return fmt.Sprintf("finished: all %s settled, none rejected", count(d.Rows, "row"))
	}
	return fmt.Sprintf("finished with %s of %s", strings.Join(bad, " and "), number(d.Rows))
}

// cancelled tells rows that were never sent from those that were and got no verdict.
func cancelled(d *audit.Detail) string {
	rest := *d
	rest.Open = d.Cancelled - d.InFlight
	switch {
	case d.Throttled+d.Unauthorized+d.Refused+d.Transient+d.Unknown+d.Late > 0:
		return settledOf(&rest, "are not sent any more")
	case rest.Open == 1:
		return settledOf(&rest, "was never sent")
	}
	return settledOf(&rest, "were never sent")
}

func settledOf(d *audit.Detail, open string) string {
	s := fmt.Sprintf("%s of %s settled, %s %s", number(d.Settled), count(d.Rows, "row"), number(d.Open), open)
	if d.InFlight > 0 {
		s += fmt.Sprintf(", %s in flight", number(d.InFlight))
	}
	return s
}

func reason(r *audit.Run) string {
	if r.Reason == nil {
		return "nobody said why"
	}
	return cli.Visible(*r.Reason)
}

// about rounds a time that is only an estimate, in seconds, to two figures or so.
func about(seconds float64) string {
	switch {
	case seconds < 60:
		return count(int(math.Ceil(seconds)), "second")
	case seconds < 90*60:
		return count(int(math.Round(seconds/60)), "minute")
	case seconds < 48*3600:
		return count(int(math.Round(seconds/3600)), "hour")
	}
	return count(int(math.Round(seconds/(24*time.Hour).Seconds())), "day")
}
