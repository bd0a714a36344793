package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

type userCommand struct {
	User   string `arg:"" name:"user" help:"The userPrincipalName, whole, in any case."`
	Limit  int    `default:"50" placeholder:"N" help:"How many rows, 0 for all (default ${default})."`
	Output string `enum:"table,json,jsonl,csv" default:"table" placeholder:"table|json|jsonl|csv" help:"For a person or for a program (default ${default})."`

	cli.Database
}

// Help is what --help adds; kong calls it.
func (c *userCommand) Help() string {
	return `Lists what all runs asked for a person's statuses, newest first, and what became of it. Those are the rows that ask for the
userPrincipalName, and all others about the same statuses.

Example:

  audit user anna@contoso.com`
}

// Validate checks what kong cannot; kong calls it.
func (c *userCommand) Validate() error {
	var err error
	if c.User == "" {
		err = errors.New("an empty user name matches nothing: write a userPrincipalName")
	}
	return errors.Join(noNegative(c.Limit), err)
}

// Run lists the rows.
func (c *userCommand) Run(ctx context.Context, streams cli.Streams) error {
	most := c.Limit
	if c.Output == "table" && most > 0 {
		most++ // to know whether it is all
	}
	return reading(ctx, c.Database, func(a *audit.Audit) error {
		rows, err := a.User(ctx, c.User, most)
		if err != nil {
			return err
		}
		switch c.Output {
		case "json":
			return cli.WriteJSON(streams.Out, append([]audit.UserRow{}, rows...))
		case "jsonl":
			return writeUserLines(streams.Out, rows)
		case "csv":
			return writeUserCSV(streams.Out, rows)
		}
		return c.write(streams.Out, rows, viewOf(streams.Out))
	})
}

func (c *userCommand) write(w io.Writer, rows []audit.UserRow, v view) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no rows")
		return err
	}
	more := c.Limit > 0 && len(rows) > c.Limit
	if more {
		rows = rows[:c.Limit]
	}
	if err := writeUser(w, rows, v); err != nil || !more {
		return err
	}
	_, err := fmt.Fprintf(w, "There are older rows: the newest %s are shown; --limit 0 shows all.\n", number(c.Limit))
	return err
}

func writeUser(w io.Writer, rows []audit.UserRow, v view) error {
	times := make([]time.Time, len(rows))
	for i := range rows {
		times[i] = rows[i].CreatedAt
	}
	heading, enqueued := v.column("ENQUEUED", "2006-01-02 15:04", times)
	table := cli.NewTable(
		cli.Column{Title: heading}, cli.Column{Title: "RUN"}, cli.Column{Title: "ROW", Right: true}, cli.Column{Title: "OUTCOME"},
		cli.Column{Title: "WANTED", Fit: cli.Wrap}, cli.Column{Title: "WHY", Fit: cli.Wrap}, cli.Column{Title: "CONFIGURATION", Fit: cli.Spare},
	)
	for i := range rows {
		r := &rows[i]
		outcome := r.Outcome
		if r.HTTPStatus != nil {
			outcome += " " + strconv.Itoa(*r.HTTPStatus)
		}
		table.Add(enqueued(r.CreatedAt), strconv.FormatInt(r.Run, 10), number(r.Row), outcome, string(r.Wanted), text(r.Error), r.DeviceConfigurationID)
	}
	return table.Write(w, v.width)
}

func writeUserLines(w io.Writer, rows []audit.UserRow) error {
	out := bufio.NewWriter(w)
	for i := range rows {
		line, err := cli.JSON(&rows[i])
		if err != nil {
			return flush(out, err)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeUserCSV(w io.Writer, rows []audit.UserRow) error {
	out := newCSVWriter(w, userFields)
	for i := range rows {
		if err := out.write(&rows[i]); err != nil {
			return err
		}
	}
	return out.close()
}

// userFields are the properties of a person's row in JSON, in the same order.
var userFields = []field[audit.UserRow]{
	{"run", func(r *audit.UserRow) string { return strconv.FormatInt(r.Run, 10) }},
	{"row", func(r *audit.UserRow) string { return strconv.Itoa(r.Row) }},
	{"line", func(r *audit.UserRow) string { return strconv.FormatInt(r.Line, 10) }},
	{"name", func(r *audit.UserRow) string { return r.RunName }},
	{"actor", func(r *audit.UserRow) string { return r.Actor }},
	{"tenant", func(r *audit.UserRow) string { return r.Tenant.String() }},
	{"createdAt", func(r *audit.UserRow) string { return instant(&r.CreatedAt) }},
	{"route", func(r *audit.UserRow) string { return r.Route }},
	{"deviceConfigurationId", func(r *audit.UserRow) string { return r.DeviceConfigurationID }},
	{"certificateId", func(r *audit.UserRow) string { return text(r.CertificateID) }},
	{"userStatusId", func(r *audit.UserRow) string { return r.UserStatusID }},
	{"wanted", func(r *audit.UserRow) string { return string(r.Wanted) }},
	{"outcome", func(r *audit.UserRow) string { return r.Outcome }},
	{"status", func(r *audit.UserRow) string { return text(r.HTTPStatus) }},
	{"error", func(r *audit.UserRow) string { return text(r.Error) }},
	{"settledAt", func(r *audit.UserRow) string { return instant(r.SettledAt) }},
	{"event", func(r *audit.UserRow) string { return text(r.Event) }},
}
