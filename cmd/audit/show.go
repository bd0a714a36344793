package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type showCommand struct {
	RunNumber cli.RunNumber `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it."`
	Output    string        `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *showCommand) Help() string {
	return `Example:

  audit show 202611000042`
}

// Run shows the run.
func (c *showCommand) Run(ctx context.Context, streams cli.Streams) error {
	return readingFrom(ctx, c.Database, func(pool *pgxpool.Pool) error {
		d, err := audit.New(pool).Show(ctx, int64(c.RunNumber))
		if err != nil {
			return err
		}
		s := shown{Detail: &d}
		if err := s.lookOut(ctx, pool); err != nil {
			// Who may read the audit may not be allowed to read the queue; what happened is told all the same.
			fmt.Fprintf(streams.Err, "warning: without what the run waits for: %v\n", err)
		}
		if c.Output == "json" {
			return cli.WriteJSON(streams.Out, s)
		}
		return writeDetail(streams.Out, &s, viewOf(streams.Out))
	})
}

// writeDetail tells first where the run stands, then what it is, what became of its rows, its history and its failures.
func writeDetail(w io.Writer, d *shown, v view) error {
	if _, err := fmt.Fprintf(w, "Run %d, %s\n%s\n\n", d.ID, cli.Visible(d.Name), standing(d.Detail)); err != nil {
		return err
	}
	if err := writeFacts(w, d, v); err != nil {
		return err
	}
	if err := writeCounts(w, d.Detail, v); err != nil {
		return err
	}
	if err := writePlan(w, d.Detail, v); err != nil {
		return err
	}
	if err := writeHistory(w, d.History, v); err != nil {
		return err
	}
	return writeFailures(w, d.Detail, v)
}

func writeFacts(w io.Writer, d *shown, v view) error {
	table := cli.NewTable(cli.Column{}, cli.Column{Fit: cli.Wrap})
	add := func(name, value string) {
		if value != "" {
			table.Add(name, value)
		}
	}
	add("enqueued", v.time(d.CreatedAt)+" by "+d.Actor)
	add("tenant", d.Tenant.String())
	add("source", sourceOf(d.Detail))
	if d.Repeat > 0 {
		add("again", fmt.Sprintf("the same content had been enqueued %s before", times(d.Repeat)))
	}
	if options := string(d.Options); options != "{}" {
		add("options", options)
	}
	add("priority", strconv.Itoa(d.Priority))
	add("canary", canaryOf(d.Detail))
	add("limit", limitOf(d.Detail))
	add("plan", planOf(d, v))
	add("progress", progress(d, v))
	add("slowest", slowestOf(d.Detail))
	if d.PurgedAt != nil {
		add("purged", "rows and events, "+v.time(*d.PurgedAt))
	}
	if d.Digest != nil {
		add("chain", fmt.Sprintf("commit %d, digest %s", *d.Commit, *d.Digest))
	}
	add("waits", d.waits(v.now.Location()))
	return table.Write(w, v.width)
}

// canaries say in words how far a run has come with its first rows.
var canaries = map[string]string{
	"pending": "not yet: rows are sent one at a time until one was applied and read back as it was sent",
	"passed":  "passed: a first row was applied and read back as it was sent",
	"failed":  "failed: the run was held; a release sends the rows all the same",
	"waived":  "waived",
}

// canaryOf says as well how many rows are sent before a person looks.
func canaryOf(d *audit.Detail) string {
	s := canaries[d.Canary]
	if d.CanaryRows == nil || *d.CanaryRows >= d.Rows {
		return s
	}
	if s != "" {
		s += "; "
	}
	return s + fmt.Sprintf("only the first %s are sent before the run is held for a person", count(*d.CanaryRows, "row"))
}

// limitOf says how many failures hold the run.
func limitOf(d *audit.Detail) string {
	if d.MaxFailures == nil {
		return ""
	}
	if share, ok := strings.CutSuffix(*d.MaxFailures, "%"); ok {
		return fmt.Sprintf("held when more than %s %% of the settled rows are rejected or failed, from 100 on", share)
	}
	return fmt.Sprintf("held at %s rejected or failed rows", *d.MaxFailures)
}

// slowestOf names the requests that took longest, if any took a second.
func slowestOf(d *audit.Detail) string {
	var all []string
	for _, s := range d.Slowest {
		all = append(all, fmt.Sprintf("%.1f s (%s, event %s)", s.ElapsedMs/1000, s.Outcome, s.Event))
	}
	return strings.Join(all, ", ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}

// sourceOf describes the file or the query; of another kind of source it shows what was noted.
func sourceOf(d *audit.Detail) string {
	var s struct {
		File, SHA256, Encoding, Delimiter string
		Bytes                             uint64
		Columns                           []string
		Query                             *struct {
			Server, Host, Database, Text, SHA256 string
			Parameters                           int
		}
	}
	switch err := json.Unmarshal(d.Source, &s); {
	case err == nil && s.Query != nil:
		q := s.Query
		return fmt.Sprintf("%s %s/%s, %s, %s, query sha256 %s: %s", q.Server, q.Host, q.Database, count(len(s.Columns), "column"),
			count(q.Parameters, "parameter"), q.SHA256, head(strings.Join(strings.Fields(q.Text), " ")))
	case err != nil || s.File == "":
		return d.Kind + " " + string(d.Source)
	}
	file := s.File
	if d.Origin != nil {
		file = fmt.Sprintf("%s of run %d, which came from %s", d.Kind, *d.Origin, file)
	}
	return fmt.Sprintf("%s, %s, %s, delimiter %q, %s, sha256 %s", file, humanize.IBytes(s.Bytes), s.Encoding, s.Delimiter,
		count(len(s.Columns), "column"), s.SHA256)
}

// head is the beginning of a query: the whole of it is in the JSON.
func head(text string) string {
	const most = 200
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// quietAfter is how long a running run may be without progress before somebody should look: longer than any wait of a
// row but the last, and than maintenance needs to notice.
const quietAfter = 5 * time.Minute

// progress is when the work began and was last seen, how fast it went, and how long the rest will take.
func progress(d *shown, v view) string {
	if d.FirstProgressAt == nil {
		return "none yet" + d.toGo()
	}
	quiet := v.now.Sub(*d.LastProgressAt)
	s := fmt.Sprintf("from %s to %s (%s)", v.time(*d.FirstProgressAt), v.time(*d.LastProgressAt),
		humanize.RelTime(*d.LastProgressAt, v.now, "ago", "from now"))
	if d.RatePerSecond != nil {
		s += fmt.Sprintf(", %s rows a second", humanize.CommafWithDigits(*d.RatePerSecond, 1))
	}
	switch {
	case d.State != "running" || d.Open == 0:
	case d.told():
		s += d.toGo()
	case quiet > quietAfter:
		s += "; does a worker run?"
	case d.RatePerSecond != nil:
		s += ", about " + about(float64(d.Open) / *d.RatePerSecond) + " to go"
	}
	return s
}

func writeHistory(w io.Writer, events []audit.RunEvent, v view) error {
	times := make([]time.Time, len(events))
	for i, e := range events {
		times[i] = e.RecordedAt
	}
	heading, when := v.column("WHEN", time.DateTime, times)
	table := cli.NewTable(cli.Column{Title: heading}, cli.Column{Title: "WHAT"}, cli.Column{Title: "WHO", Fit: cli.Wrap}, cli.Column{Title: "WHY", Fit: cli.Wrap})
	for _, e := range events {
		table.Add(when(e.RecordedAt), e.Outcome, text(e.Actor), text(e.Reason))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return table.Write(w, v.width)
}

func writeFailures(w io.Writer, d *audit.Detail, v view) error {
	if len(d.Failures) == 0 {
		return nil
	}
	table := cli.NewTable(
		cli.Column{Title: "ROWS", Right: true}, cli.Column{Title: "OUTCOME"}, cli.Column{Title: "HTTP"},
		cli.Column{Title: "FOR EXAMPLE", Right: true}, cli.Column{Title: "WHY", Fit: cli.Wrap},
	)
	for _, f := range d.Failures {
		table.Add(number(f.Rows), f.Outcome, text(f.Status), "row "+number(f.Example), text(f.Error))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := table.Write(w, v.width); err != nil {
		return err
	}
	var notes strings.Builder
	if d.OtherFailures > 0 {
		fmt.Fprintf(&notes, "%s for rarer causes.\n", count(d.OtherFailures, "more row"))
	}
	fmt.Fprintf(&notes, "See one of them whole: audit events --run %d --row %d --bodies\n", d.ID, d.Failures[0].Example)
	_, err := io.WriteString(w, notes.String())
	return err
}
