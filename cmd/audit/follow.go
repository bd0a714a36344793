package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tabletext "github.com/jedib0t/go-pretty/v6/text"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// look is how often a follower looks for new events.
const look = time.Second

// checkFollow names what makes no sense with --follow.
func (c *eventsCommand) checkFollow() error {
	if !c.Follow {
		return nil
	}
	var faults []error
	for flag, given := range map[string]bool{
		"--sort oldest": c.Sort == "oldest", "--after": c.After != "", "--until": c.Until != "", "--output json": c.Output == "json",
	} {
		if given {
			faults = append(faults, fmt.Errorf("--follow goes on and on with what is new; it does not go with %s", flag))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if c.Limit < 1 || c.Limit > maxFollow {
		faults = append(faults, fmt.Errorf("--limit=%d: --follow begins with 1 to %d events", c.Limit, maxFollow))
	}
	return errors.Join(faults...)
}

// maxFollow is how many events a follower may begin with: they are held in memory.
const maxFollow = 1000

// follow writes the newest events, the oldest first, and then each when it is there, until an interrupt.
func (c *eventsCommand) follow(ctx context.Context, w io.Writer, a *audit.Audit, f audit.EventFilter, v view) error {
	return a.Follow(ctx, f, look, c.follower(w, v))
}

// follower writes events so that they are seen at once.
func (c *eventsCommand) follower(w io.Writer, v view) func([]audit.Event) error {
	table := newCSVWriter(w, eventFieldsWith(c.Bodies))
	return func(events []audit.Event) error {
		switch {
		case c.Output == "jsonl":
			return writeEventsLines(w, each(events), c.Bodies)
		case c.Output == "csv":
			for i := range events {
				if err := table.write(&events[i]); err != nil {
					return err
				}
			}
			return table.close()
		case c.Bodies:
			return writeExchanges(w, events, v)
		}
		return writeLines(w, events, v)
	}
}

func each(events []audit.Event) func(func(audit.Event, error) bool) {
	return func(yield func(audit.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// writeLines writes the columns of the table at fixed places, because nobody knows what is still to come.
func writeLines(w io.Writer, events []audit.Event, v view) error {
	var lines strings.Builder
	for i := range events {
		e := &events[i]
		line := fmt.Sprintf("%s  %-25s  %-16s  %s  %s", v.time(e.RecordedAt), e.ID, outcomeAndStatus(e),
			tabletext.Pad(cli.Visible(who(e)), 25, ' '), cli.Visible(text(e.Error)))
		if line = strings.TrimRight(line, " "); v.width > 0 {
			line = tabletext.Snip(line, v.width, "…")
		}
		lines.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, lines.String())
	return err
}
