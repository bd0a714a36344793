package cli

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/budget"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
)

// Outlook is what lies between a run and its end, if nothing changes.
type Outlook struct {
	budget.Forecast
	Tenant uuid.UUID
	Runs   []ledger.Waiting // the other runs that are worked before, or in turns
	Before int              // of their rows are sent before the run's last one
	Prior  int              // how many of the runs have a higher priority; they come first
	Served bool             // a worker for the tenant is there
	Reason string           // what the workers say that the run waits for; empty: nothing
}

// Candidate is a run to look out for.
type Candidate struct {
	Tenant   uuid.UUID
	Run      int64 // ledger.NoRunYet for one that is still to be enqueued
	Priority int
	Rows     int // of it
	Open     int // of these
	Reason   string
}

// LookOut reads how things stand with the run. The limit is for a tenant that nobody ever worked.
func LookOut(ctx context.Context, pool *pgxpool.Pool, c Candidate, limit budget.Limit) (Outlook, error) {
	o := Outlook{Tenant: c.Tenant, Reason: c.Reason}
	standings, err := budget.Read(ctx, pool, c.Tenant)
	if err != nil {
		return o, err
	}
	if o.Runs, err = ledger.New(pool, "").Ahead(ctx, c.Tenant, c.Priority, c.Run); err != nil {
		return o, err
	}
	if o.Served, err = jobs.Served(ctx, pool, c.Tenant); err != nil {
		return o, err
	}
	own := ledger.Waiting{ID: c.Run, Priority: c.Priority, Rows: c.Rows, Open: c.Open}
	interval := budget.Plan(standings, limit, budget.Queue{}).Interval
	for _, other := range o.Runs {
		o.Before += jobs.Before(own, other, interval)
		if other.Priority < c.Priority {
			o.Prior++
		}
	}
	o.Forecast = budget.Plan(standings, limit, budget.Queue{Ahead: o.Before, Rows: c.Open})
	return o, nil
}

// ETA is how long it is until the last row, and whether that can be said: not of a run that nobody works, nor of one that
// waits for what has no time.
func (o *Outlook) ETA() (time.Duration, bool) {
	return o.Total(), o.Served && o.Reason == ""
}

// ETASeconds is the ETA for a program: nil when it cannot be said.
func (o *Outlook) ETASeconds() *float64 {
	eta, ok := o.ETA()
	if !ok {
		return nil
	}
	seconds := math.Round(eta.Seconds())
	return &seconds
}

// Unserved says that no worker is there; empty when one is.
func (o *Outlook) Unserved() string {
	if o.Served {
		return ""
	}
	return fmt.Sprintf("no worker serves tenant %s now", o.Tenant)
}

// Waits says why the run gets no further now, times in the given zone; empty when nothing is in its way.
func (o *Outlook) Waits(zone *time.Location) string {
	var why []string
	add := func(s string) {
		if s != "" {
			why = append(why, s)
		}
	}
	add(o.Unserved())
	add(o.Reason)
	if o.Pause != nil {
		add(o.Pause.Describe(o.Paused, zone))
	}
	add(others("waits for", o.Runs[:o.Prior]))
	add(others("takes turns with", o.Runs[o.Prior:]))
	return strings.Join(why, "; ")
}

func others(relation string, runs []ledger.Waiting) string {
	if len(runs) == 0 {
		return ""
	}
	open := 0
	for _, run := range runs {
		open += run.Open
	}
	first := fmt.Sprintf("%d (priority %d)", runs[0].ID, runs[0].Priority)
	if len(runs) == 1 {
		return fmt.Sprintf("%s run %s, %s", relation, first, rows(open))
	}
	return fmt.Sprintf("%s %d runs, %s, the first of them %s", relation, len(runs), rows(open), first)
}

// After says what comes before the run's own rows, to follow how long those take; empty when nothing does.
func (o *Outlook) After(zone *time.Location) string {
	var after []string
	if n := len(o.Runs); n > 0 {
		other := "1 other run"
		if n > 1 {
			other = humanize.Comma(int64(n)) + " other runs"
		}
		after = append(after, fmt.Sprintf("%s of %s (%s)", rows(o.Before), other, Short(o.Ahead)))
	}
	if o.Pause != nil {
		after = append(after, fmt.Sprintf("a pause until %s (%s)", o.Pause.Until.In(zone).Format(time.TimeOnly), Short(o.Paused)))
	}
	if len(after) == 0 {
		return ""
	}
	return ", after " + strings.Join(after, " and ")
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return humanize.Comma(int64(n)) + " rows"
}

// Short writes a time as precisely as a forecast can be: 8.1s, 33m, 2h5m, 49h.
func Short(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 2*time.Minute:
		return d.Round(time.Second).String()
	}
	minutes := int64(d / time.Minute) // not Round: the longest Duration has no later minute
	if d%time.Minute >= time.Minute/2 {
		minutes++
	}
	switch hours := minutes / 60; {
	case hours == 0:
		return fmt.Sprintf("%dm", minutes)
	case hours >= 24 || minutes%60 == 0:
		return fmt.Sprintf("%dh", hours)
	default:
		return fmt.Sprintf("%dh%dm", hours, minutes%60)
	}
}
