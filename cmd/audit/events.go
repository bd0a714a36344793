package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type eventsCommand struct {
	RunNumber     runNumber   `name:"run" placeholder:"NUMBER" help:"Only events of this run."`
	Row           *int32      `placeholder:"N" help:"Only events of this row; 0 for those of the run itself."`
	Outcome       []outcome   `placeholder:"OUTCOME" help:"Only these outcomes: applied, rejected, failed, unchanged, superseded, moved, missing; observed, throttled, unauthorized, refused, transient, unknown; enqueued, planned, held, released, cancelled, finished. Repeatable, or with commas."`
	Final         bool        `help:"Only events that settle their row."`
	Status        statusRange `placeholder:"CODE" help:"Only answers with this HTTP status: 429, or a class such as 4xx."`
	User          userPattern `placeholder:"NAME" help:"Only rows that ask for this userPrincipalName; with a star at the end, for one that begins so."`
	Configuration string      `placeholder:"ID" help:"Only rows of this deviceConfigurationId."`
	StatusID      string      `name:"status-id" placeholder:"ID" help:"Only rows of this userStatusId."`
	RequestID     string      `name:"request-id" placeholder:"ID" help:"Only the exchange with this request-id or client-request-id."`
	Since         string      `placeholder:"TIME" help:"Only what was recorded since then: 2026-11-23, 2026-11-23T15:04:05Z, or how long ago: 90m, 2h, 7d."`
	Until         string      `placeholder:"TIME" help:"Only what was recorded before then; a date is that whole day."`
	Limit         int         `default:"50" placeholder:"N" help:"How many events, 0 for all (default ${default})."`
	Bodies        bool        `help:"Also bodies and headers, as they went over the wire. In JSON and CSV, what is not UTF-8 is given as base64: and its code."`
	Output        string      `enum:"table,json,csv" default:"table" placeholder:"table|json|csv" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *eventsCommand) Help() string {
	return `Events that satisfy all the filters are listed. A date or a time without a zone is local.

Examples:

  audit events --run 202611000042 --outcome rejected,failed

  audit events --user 'anna.*' --since 2h

  audit events --run 202611000042 --row 17 --bodies

  audit events --status 4xx --limit 0 --output csv > refused.csv`
}

// Validate checks what kong cannot; kong calls it.
func (c *eventsCommand) Validate() error {
	faults := []error{noNegative(c.Limit)}
	if c.Row != nil && *c.Row < 0 {
		faults = append(faults, fmt.Errorf("--row=%d: rows are counted from 1; 0 is the run itself", *c.Row))
	}
	_, err := c.filter(time.Now())
	return errors.Join(append(faults, err)...)
}

// Run lists the events.
func (c *eventsCommand) Run(ctx context.Context, streams cli.Streams) error {
	v := viewOf(streams.Out)
	filter, err := c.filter(v.now)
	if err != nil {
		return cli.Usage(err)
	}
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		switch c.Output {
		case "json":
			return writeEventsJSON(streams.Out, a.Events(ctx, filter), c.Bodies)
		case "csv":
			return writeEventsCSV(streams.Out, a.Events(ctx, filter), c.Bodies)
		}
		return c.write(ctx, streams.Out, a, filter, v)
	})
}

// filter is what the flags ask for at that time.
func (c *eventsCommand) filter(now time.Time) (audit.EventFilter, error) {
	f := audit.EventFilter{
		Run: int64(c.RunNumber), Row: c.Row, Final: c.Final, Status: audit.StatusRange(c.Status), User: audit.UserPattern(c.User),
		Configuration: c.Configuration, StatusID: c.StatusID, RequestID: c.RequestID, Limit: c.Limit, Bodies: c.Bodies,
	}
	for _, o := range c.Outcome {
		f.Outcomes = append(f.Outcomes, string(o))
	}
	var faults []error
	at := func(flag, s string, end bool) (t time.Time) {
		if s == "" {
			return t
		}
		t, err := parseTime(s, now, end)
		if err != nil {
			faults = append(faults, fmt.Errorf("--%s: %w", flag, err))
		}
		return t
	}
	f.Since, f.Until = at("since", c.Since, false), at("until", c.Until, true)
	if len(faults) == 0 && !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		faults = append(faults, fmt.Errorf("--since %s is not before --until %s", c.Since, c.Until))
	}
	return f, errors.Join(faults...)
}

// write asks for one event more than it shows, to know whether it shows all.
func (c *eventsCommand) write(ctx context.Context, w io.Writer, a *audit.Audit, f audit.EventFilter, v view) error {
	if f.Limit > 0 {
		f.Limit++
	}
	events, err := collect(a.Events(ctx, f))
	if err != nil {
		return err
	}
	more := c.Limit > 0 && len(events) > c.Limit
	if more {
		events = events[:c.Limit]
	}
	switch {
	case len(events) == 0:
		_, err = fmt.Fprintln(w, "no events")
	case c.Bodies:
		err = writeExchanges(w, events, v)
	default:
		err = writeEvents(w, events, f.Run == 0, v)
	}
	if err == nil && more {
		_, err = fmt.Fprintf(w, "Older events are not shown: the newest %s are; --limit 0 shows all.\n", number(c.Limit))
	}
	return err
}

func collect(events iter.Seq2[audit.Event, error]) ([]audit.Event, error) {
	var all []audit.Event
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
