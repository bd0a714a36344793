package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/source"
)

// description is what a dry run says.
type description struct {
	File           string         `json:"file"`
	SHA256         string         `json:"sha256"`
	Encoding       string         `json:"encoding"`
	Delimiter      string         `json:"delimiter"`
	Rows           int            `json:"rows"`
	Skipped        int            `json:"skipped"`
	Duplicates     int            `json:"duplicates"`
	Configurations int            `json:"configurations"`
	Routes         map[string]int `json:"routes"`
	Seconds        float64        `json:"secondsAtLimit"`
	Limit          string         `json:"writeLimit"`
	RowsAhead      *int           `json:"rowsAhead"`  // of other runs; null without a database
	ETASeconds     *float64       `json:"etaSeconds"` // all of it: what is ahead, a pause and the rows; null without a database
}

func (c *csvCommand) describe(w io.Writer, name string, sum *source.Summary, o *cli.Outlook) error {
	d := description{
		File: name, SHA256: fmt.Sprintf("%x", sum.SHA256), Encoding: sum.Encoding, Delimiter: string(sum.Delimiter), Rows: sum.Rows,
		Skipped: sum.Skipped, Duplicates: sum.Duplicates, Configurations: sum.Configurations, Routes: sum.Routes,
		Seconds: c.WriteLimit.Time(sum.Rows).Seconds(), Limit: c.WriteLimit.String(),
	}
	if o != nil {
		ahead, seconds := o.Before, o.Total().Seconds()
		d.RowsAhead, d.ETASeconds = &ahead, &seconds
	}
	if c.Output == "json" {
		return cli.WriteJSON(w, d)
	}
	configurations := plural(sum.Configurations, "configuration")
	if sum.ConfigurationsMore {
		configurations = "more than " + configurations
	}
	_, err := fmt.Fprintf(w, "%s: %s for %s on %s (%s, delimiter %q, sha256 %.12s…)\n%s%s\nDry run: nothing was enqueued.\n",
		cli.Visible(name), plural(sum.Rows, "row"), configurations, plural(len(sum.Routes), "route"), sum.Encoding, sum.Delimiter, d.SHA256,
		leftOut(sum, c.SkipInvalid), c.takes(sum.Rows, o))
	return err
}

func leftOut(sum *source.Summary, file string) string {
	switch {
	case sum.Skipped > 0:
		return fmt.Sprintf("%s invalid: left out, for %s.\n", plural(sum.Skipped, "row"), file)
	case sum.Duplicates > 0:
		return fmt.Sprintf("%s the same status as an earlier one: the last one wins.\n", pluralVerb(sum.Duplicates, "row", "addresses", "address"))
	}
	return ""
}

// takes says how long the rows take, and what comes before them.
func (c *csvCommand) takes(rows int, o *cli.Outlook) string {
	pace, own, after := c.pace(rows, o)
	switch {
	case !c.Blind:
		return fmt.Sprintf("At %s they take at most %s%s: what is as it is wanted already is not sent.", pace, own, after)
	case after != "":
		own = "about " + own
	}
	return fmt.Sprintf("At %s they take %s%s.", pace, own, after)
}

// pace is the rate, how long the rows take at it, and what comes before them. Without an outlook it is the limit's.
func (c *csvCommand) pace(rows int, o *cli.Outlook) (rate, own, after string) {
	if o == nil {
		return c.WriteLimit.String(), cli.Short(c.WriteLimit.Time(rows)), ""
	}
	return o.Pace(), cli.Short(o.Own), o.After(time.Local)
}

// lookPatience is how long a dry run looks for a database that may not be there.
const lookPatience = 5 * time.Second

// lookAhead reads what a run enqueued now would have before it. A dry run starts no server, and where a database cannot be
// read it does without.
func (c *csvCommand) lookAhead(ctx context.Context, stderr io.Writer, tenant uuid.UUID, rows int) *cli.Outlook {
	looking, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	o, err := c.outlookOf(looking, cli.Candidate{Tenant: tenant, Run: ledger.NoRunYet, Priority: c.Priority, Rows: rows, Open: rows})
	switch {
	case errors.Is(err, postgres.ErrNotRunning):
		return nil
	case err != nil:
		fmt.Fprintf(stderr, "warning: the time does without what is in the queue: %v\n", err)
		return nil
	}
	return &o
}

func (c *csvCommand) outlookOf(ctx context.Context, candidate cli.Candidate) (o cli.Outlook, err error) {
	pools, err := c.Join(ctx, "enqueue")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	return cli.LookOut(ctx, pools.Main, candidate, c.WriteLimit)
}

// lookOut is lookAhead for a run that is enqueued: what cannot be read must not look like a failed import.
func (c *csvCommand) lookOut(ctx context.Context, stderr io.Writer, d desk, candidate cli.Candidate) *cli.Outlook {
	if c.Hold {
		return nil // it waits for a person
	}
	o, err := cli.LookOut(ctx, d.pool, candidate, c.WriteLimit)
	if err != nil {
		fmt.Fprintf(stderr, "warning: the time does without what is in the queue: %v\n", err)
		return nil
	}
	if text := o.Unserved(); text != "" {
		fmt.Fprintf(stderr, "warning: %s: the rows wait until one is started\n", text)
	}
	return &o
}

// imported is what a program is told of a run that it enqueued.
type imported struct {
	Run        int64    `json:"run"`
	Rows       int      `json:"rows"`
	Skipped    int      `json:"skipped"`
	Held       bool     `json:"held"`
	ReadFirst  bool     `json:"readFirst"`  // what Graph shows as it is wanted is not sent
	Canary     *int32   `json:"canaryRows"` // null: the rows follow by themselves
	Limit      string   `json:"maxFailures"`
	ETASeconds *float64 `json:"etaSeconds"`      // null when it cannot be said
	Waits      string   `json:"waits,omitempty"` // why it gets no further now
}

func (c *csvCommand) report(w io.Writer, run int64, name string, sum *source.Summary, o *cli.Outlook) error {
	if c.Output == "json" {
		r := imported{Run: run, Rows: sum.Rows, Skipped: sum.Skipped, Held: c.Hold && !c.Plan, ReadFirst: !c.Blind, Canary: c.Canary, Limit: c.MaxFailures.String()}
		if o != nil {
			r.Waits = o.Waits(time.UTC)
		}
		if o != nil && c.Blind { // otherwise it is not known how many rows will be sent
			r.ETASeconds = o.ETASeconds()
		}
		return cli.WriteJSON(w, r)
	}
	pace, own, after := c.pace(sum.Rows, o)
	how := fmt.Sprintf("about %s at %s%s", own, pace, after)
	if !c.Blind {
		how = fmt.Sprintf("read first; what is not as it is wanted is sent, at most %s at %s%s", own, pace, after)
	}
	if c.Canary != nil && int(*c.Canary) < sum.Rows {
		how += fmt.Sprintf(", held after the first %s for you to look", plural(int(*c.Canary), "row"))
	}
	if c.Plan {
		how = fmt.Sprintf(`read first, then on hold, until "enqueue release %d"`, run)
	} else if c.Hold {
		how = fmt.Sprintf(`on hold, until "enqueue release %d"`, run)
	}
	_, err := fmt.Fprintf(w, "Run %d: %s enqueued from %s, %s.\n%sFollow it with \"audit show %d\".\n",
		run, plural(sum.Rows, "row"), cli.Visible(name), how, leftOut(sum, c.SkipInvalid), run)
	return err
}
