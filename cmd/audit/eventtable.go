package main

import (
	"fmt"
	"io"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// writeEvents writes one line for each event. Its ID begins with its run and row.
func writeEvents(w io.Writer, events []audit.Event, v view) error {
	heading, recorded := v.column("RECORDED", time.DateTime, recordedAt(events))
	table := cli.NewTable(
		cli.Column{Title: heading}, cli.Column{Title: "EVENT"}, cli.Column{Title: "OUTCOME"},
		cli.Column{Title: "WHO", Fit: cli.Spare}, cli.Column{Title: "WHY", Fit: cli.Cut},
	)
	for i := range events {
		e := &events[i]
		table.Add(recorded(e.RecordedAt), e.ID, outcomeAndStatus(e), who(e), text(e.Error))
	}
	return table.Write(w, v.width)
}

func recordedAt(events []audit.Event) []time.Time {
	times := make([]time.Time, len(events))
	for i := range events {
		times[i] = events[i].RecordedAt
	}
	return times
}

func outcomeOf(e *audit.Event) string {
	if e.Late() {
		return "late: " + e.Outcome
	}
	return e.Outcome
}

func outcomeAndStatus(e *audit.Event) string {
	if e.Status == nil {
		return outcomeOf(e)
	}
	return fmt.Sprintf("%s %d", outcomeOf(e), *e.Status)
}

// who is the user whose status it is, as far as the row says, or the actor of an event of the run itself.
func who(e *audit.Event) string {
	for _, name := range []*string{e.Actor, e.UserPrincipalName, e.UserStatusID} {
		if name != nil {
			return *name
		}
	}
	return ""
}
