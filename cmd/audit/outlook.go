package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/audit"
	"graphpatch/internal/budget"
	"graphpatch/internal/cli"
)

// shown is what audit show says of a run: what the audit has, and what lies before a run that is running.
type shown struct {
	*audit.Detail
	ETASeconds  *float64   `json:"etaSeconds"` // nil when it cannot be said
	Waits       *string    `json:"waits"`      // nil when nothing is in its way; times in UTC
	PausedUntil *time.Time `json:"pausedUntil"`

	planPace string       // how long it takes to send what a held run's plan leaves
	outlook  *cli.Outlook // nil for a run that is not running
}

// lookOut looks at the queue, the budget and the workers of a running run.
func (s *shown) lookOut(ctx context.Context, pool *pgxpool.Pool) error {
	waits := s.State == "held" && s.Plan != nil
	if s.Open == 0 || s.State != "running" && !waits {
		return nil
	}
	c := cli.Candidate{Tenant: s.Tenant, Run: s.ID, Priority: s.Priority, Rows: s.Rows, Open: s.Open}
	if s.Reason != nil {
		c.Reason = *s.Reason
	}
	o, err := cli.LookOut(ctx, pool, c, budget.DefaultWrites)
	if err != nil {
		return err
	}
	if waits {
		s.planPace = fmt.Sprintf("sending the %s that are open takes about %s at %s", count(s.Open, "row"), cli.Short(o.Own), o.Pace())
		return nil
	}
	s.adopt(&o)
	return nil
}

// adopt takes over what a program is told.
func (s *shown) adopt(o *cli.Outlook) {
	s.outlook = o
	if waits := o.Waits(time.UTC); waits != "" {
		s.Waits = &waits
	}
	if o.Pause != nil {
		until := o.Pause.Until.UTC()
		s.PausedUntil = &until
	}
	switch {
	case o.Known:
		s.ETASeconds = o.ETASeconds()
	case o.Served && s.Reason == nil && s.RatePerSecond != nil:
		// Without a budget only the rate so far tells.
		seconds := float64(s.Open) / *s.RatePerSecond
		s.ETASeconds = &seconds
	}
}

// told reports whether the budget and the workers say how long it will be, or that it cannot be said.
func (s *shown) told() bool { return s.outlook != nil && (s.outlook.Known || !s.outlook.Served) }

// toGo follows the progress: how long the rest will take, empty when that cannot be said.
func (s *shown) toGo() string {
	if s.outlook == nil || !s.outlook.Known || s.ETASeconds == nil {
		return ""
	}
	return ", about " + about(*s.ETASeconds) + " to go at " + s.outlook.Pace()
}

// waits is why the run gets no further now. The reason that the workers give stands at the top already.
func (s *shown) waits(zone *time.Location) string {
	if s.outlook == nil {
		return ""
	}
	o := *s.outlook
	o.Reason = ""
	return o.Waits(zone)
}
