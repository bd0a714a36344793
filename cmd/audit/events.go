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
	RunNumber cli.RunNumber `name:"run" placeholder:"NUMBER" help:"Only events of this run."`
	cli.EventFlags
	Sort   string  `enum:"newest,oldest" default:"newest" placeholder:"newest|oldest" help:"Which come first (default ${default})."`
	After  eventID `placeholder:"EVENT" help:"Only what comes after this event: the next page, if it is the last of the one before."`
	Limit  int     `default:"50" placeholder:"N" help:"How many events, 0 for all (default ${default})."`
	Follow bool    `short:"f" help:"Go on with what is new, until an interrupt; the oldest of the first --limit events come first."`
	Bodies bool    `help:"Also bodies and headers, as they went over the wire. In JSON and CSV, what is not UTF-8 is given as base64: and its code."`
	Output string  `enum:"table,json,jsonl,csv" default:"table" placeholder:"table|json|jsonl|csv" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// eventID is a flag that reads itself.
type eventID string

func (e *eventID) UnmarshalText(b []byte) error {
	id, err := audit.ParseEventID(string(b))
	*e = eventID(id)
	return err
}

// Help is what --help adds; kong calls it.
func (c *eventsCommand) Help() string {
	return `Events that satisfy all the filters are listed. A date or a time without a zone is local.

Examples:

  audit events --run 202611000042 --outcome rejected,failed

  audit events --user 'anna.*' --since 2h

  audit events --run 202611000042 --row 17 --bodies

  audit events --error-code Forbidden --since yesterday --sort oldest

  audit events --run 202611000042 --outcome rejected,failed --follow

  audit events --status 4xx --limit 0 --output csv > refused.csv`
}

// Validate checks what kong cannot; kong calls it.
func (c *eventsCommand) Validate() error {
	_, err := c.filter(time.Now())
	return errors.Join(noNegative(c.Limit), err, c.checkFollow())
}

// Run lists the events.
func (c *eventsCommand) Run(ctx context.Context, streams cli.Streams) error {
	v := viewOf(streams.Out)
	filter, err := c.filter(v.now)
	if err != nil {
		return cli.Usage(err)
	}
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		switch {
		case c.Follow:
			return c.follow(ctx, streams.Out, a, filter, v)
		case c.Output == "table":
			return c.write(ctx, streams.Out, a, filter, v)
		}
		return writeEventsAs(c.Output, streams.Out, a.Events(ctx, filter), c.Bodies)
	})
}

// writeEventsAs writes for a program: as an array in JSON, as lines of JSON, or as CSV.
func writeEventsAs(format string, w io.Writer, events iter.Seq2[audit.Event, error], bodies bool) error {
	switch format {
	case "json":
		return writeEventsJSON(w, events, bodies)
	case "jsonl":
		return writeEventsLines(w, events, bodies)
	}
	return writeEventsCSV(w, events, bodies)
}

// filter is what the flags ask for at that time.
func (c *eventsCommand) filter(now time.Time) (audit.EventFilter, error) {
	f, err := c.Filter(c.RunNumber, now)
	f.Oldest, f.After, f.Limit, f.Bodies = c.Sort == "oldest", string(c.After), c.Limit, c.Bodies
	return f, err
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
		err = writeEvents(w, events, v)
	}
	if err == nil && more {
		_, err = fmt.Fprintf(w, "There are more: the next page is the same with --after %s; --limit 0 shows all.\n", events[c.Limit-1].ID)
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
