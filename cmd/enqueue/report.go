package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/source"
)

// description is what a dry run says.
type description struct {
	File           string         `json:"file,omitempty"`
	Database       string         `json:"database,omitempty"`
	Query          string         `json:"querySHA256,omitempty"`
	SHA256         string         `json:"sha256,omitempty"`
	Encoding       string         `json:"encoding,omitempty"`
	Delimiter      string         `json:"delimiter,omitempty"`
	Rows           int            `json:"rows"`
	Skipped        int            `json:"skipped"`
	Duplicates     int            `json:"duplicates"`
	Configurations int            `json:"configurations"`
	Routes         map[string]int `json:"routes"`
	Seconds        float64        `json:"secondsAtLimit"`
	Limit          string         `json:"writeLimit"`
	RowsAhead      *int           `json:"rowsAhead"`  // of other runs; null without a database
	ETASeconds     *float64       `json:"etaSeconds"` // all of it: what is ahead, a pause and the rows; null without a database
	Replay         *replayReport  `json:"replay,omitempty"`
	Revert         *revertReport  `json:"revert,omitempty"`

	more    bool   // there are more configurations than were counted
	written string // how the source is written, for a person
}

func describeTable(sum *source.Summary, more func(*description)) description {
	d := description{
		SHA256: fmt.Sprintf("%x", sum.SHA256), Encoding: sum.Encoding, Delimiter: string(sum.Delimiter), Rows: sum.Rows,
		Skipped: sum.Skipped, Duplicates: sum.Duplicates, Configurations: sum.Configurations, Routes: sum.Routes, more: sum.ConfigurationsMore,
	}
	more(&d)
	return d
}

func (o *runOptions) describe(w io.Writer, b *batch, outlook *cli.Outlook) error {
	d := b.described
	d.Seconds, d.Limit = o.WriteLimit.Time(b.rows).Seconds(), o.WriteLimit.String()
	if outlook != nil {
		ahead, seconds := outlook.Before, outlook.Total().Seconds()
		d.RowsAhead, d.ETASeconds = &ahead, &seconds
	}
	if o.Output == "json" {
		return cli.WriteJSON(w, d)
	}
	configurations := plural(d.Configurations, "configuration")
	if d.more {
		configurations = "more than " + configurations
	}
	_, err := fmt.Fprintf(w, "%s: %s for %s on %s (%s)\n%s%s\nDry run: nothing was enqueued.\n",
		cli.Visible(b.from), plural(b.rows, "row"), configurations, plural(len(d.Routes), "route"), d.written, b.leftOut, o.takes(b.rows, outlook))
	return err
}

func leftOut(sum *source.Summary, file string) string {
	switch {
	case sum.Skipped > 0:
		return fmt.Sprintf("%s invalid: left out, for %s.\n", plural(sum.Skipped, "row"), file)
	case sum.Duplicates > 0:
		return fmt.Sprintf("%s the same status as an earlier one: the last one wins.\n", rowsVerb(sum.Duplicates, "addresses", "address"))
	}
	return ""
}

// takes says how long the rows take, and what comes before them.
func (o *runOptions) takes(rows int, outlook *cli.Outlook) string {
	pace, own, after := o.pace(rows, outlook)
	switch {
	case !o.Blind:
		return fmt.Sprintf("At %s they take at most %s%s: what is as it is wanted already is not sent.", pace, own, after)
	case after != "":
		own = "about " + own
	}
	return fmt.Sprintf("At %s they take %s%s.", pace, own, after)
}

// pace is the rate, how long the rows take at it, and what comes before them. Without an outlook it is the limit's.
func (o *runOptions) pace(rows int, outlook *cli.Outlook) (rate, own, after string) {
	if outlook == nil {
		return o.WriteLimit.String(), cli.Short(o.WriteLimit.Time(rows)), ""
	}
	return outlook.Pace(), cli.Short(outlook.Own), outlook.After(time.Local)
}

// lookPatience is how long a dry run looks for a database that may not be there.
const lookPatience = 5 * time.Second

// lookAhead reads what a run enqueued now would have before it. A dry run starts no server, and where a database cannot be
// read it does without.
func (o *runOptions) lookAhead(ctx context.Context, stderr io.Writer, b *batch) *cli.Outlook {
	looking, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	outlook, err := o.outlookOf(looking, cli.Candidate{Tenant: b.tenant, Run: ledger.NoRunYet, Priority: o.Priority, Rows: b.rows, Open: b.rows})
	switch {
	case errors.Is(err, postgres.ErrNotRunning):
		return nil
	case err != nil:
		fmt.Fprintf(stderr, "warning: the time does without what is in the queue: %v\n", err)
		return nil
	}
	return &outlook
}

func (o *runOptions) outlookOf(ctx context.Context, candidate cli.Candidate) (outlook cli.Outlook, err error) {
	pools, err := o.Join(ctx, "enqueue")
	if err != nil {
		return outlook, err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	return cli.LookOut(ctx, pools.Main, candidate, o.WriteLimit)
}

// lookOut is lookAhead for a run that is enqueued: what cannot be read must not look like a failed import.
func (o *runOptions) lookOut(ctx context.Context, stderr io.Writer, d desk, candidate cli.Candidate) *cli.Outlook {
	if o.Hold {
		return nil // it waits for a person
	}
	outlook, err := cli.LookOut(ctx, d.pool, candidate, o.WriteLimit)
	if err != nil {
		fmt.Fprintf(stderr, "warning: the time does without what is in the queue: %v\n", err)
		return nil
	}
	if text := outlook.Unserved(); text != "" {
		fmt.Fprintf(stderr, "warning: %s: the rows wait until one is started\n", text)
	}
	return &outlook
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

	Replay *replayReport `json:"replay,omitempty"`
	Revert *revertReport `json:"revert,omitempty"`
}

func (o *runOptions) report(w io.Writer, run int64, b *batch, outlook *cli.Outlook) error {
	if o.Output == "json" {
		r := imported{Run: run, Rows: b.rows, Skipped: b.skipped, Held: o.Hold && !o.Plan, ReadFirst: !o.Blind, Canary: o.Canary, Limit: o.MaxFailures.String(), Replay: b.described.Replay, Revert: b.described.Revert}
		if outlook != nil {
			r.Waits = outlook.Waits(time.UTC)
		}
		if outlook != nil && o.Blind { // otherwise it is not known how many rows will be sent
			r.ETASeconds = outlook.ETASeconds()
		}
		return cli.WriteJSON(w, r)
	}
	pace, own, after := o.pace(b.rows, outlook)
	how := fmt.Sprintf("about %s at %s%s", own, pace, after)
	if !o.Blind {
		how = fmt.Sprintf("read first; what is not as it is wanted is sent, at most %s at %s%s", own, pace, after)
	}
	if o.Canary != nil && int(*o.Canary) < b.rows {
		how += fmt.Sprintf(", held after the first %s for you to look", plural(int(*o.Canary), "row"))
	}
	if o.Plan {
		how = fmt.Sprintf(`read first, then on hold, until "enqueue release %d"`, run)
	} else if o.Hold {
		how = fmt.Sprintf(`on hold, until "enqueue release %d"`, run)
	}
	_, err := fmt.Fprintf(w, "Run %d: %s enqueued from %s, %s.\n%sFollow it with \"audit show %d\".\n",
		run, plural(b.rows, "row"), cli.Visible(b.from), how, b.leftOut, run)
	return err
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}

// rowsVerb is so many rows and what they do.
func rowsVerb(n int, one, many string) string {
	if n == 1 {
		return plural(n, "row") + " " + one
	}
	return plural(n, "row") + " " + many
}
