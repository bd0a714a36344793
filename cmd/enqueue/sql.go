package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // --time-zone means the same on a machine without a database of zones

	"graphpatch/internal/cli"
	"graphpatch/internal/source"
)

type sqlCommand struct {
	Query        string        `arg:"" optional:"" help:"The query; one that selects. Not given: --query-file."`
	Source       string        `required:"" placeholder:"env:NAME|file:PATH|URL" help:"The database's URL: in an environment variable, in a file, or here if it holds no password. postgres://user:password@host:5432/database, mysql://… (MariaDB too), or sqlserver://…?database=name."`
	QueryFile    string        `type:"path" placeholder:"FILE" help:"Read the query from a file, in UTF-8."`
	Param        []string      `sep:"none" placeholder:"VALUE" help:"What the query's first parameter stands for, then the second, and so on: $$1 of Postgres, ? of MySQL, @p1 of SQL Server. Never stored. Repeatable."`
	QueryTimeout time.Duration `default:"10m" placeholder:"DURATION" help:"How long the query may take until its last row (default ${default})."`
	TimeZone     string        `placeholder:"ZONE" help:"The time zone of dates and times whose type has none, such as UTC, Europe/Berlin or +01:00. Not set: they are refused."`
	tableOptions
	runOptions
}

// Help is what --help adds; kong calls it.
func (c *sqlCommand) Help() string {
	return `The query runs once, in a transaction that reads only. Its columns are read like those of a CSV file: see docs/sql.md.

Examples:

  enqueue sql --source env:INVENTORY 'SELECT "deviceConfigurationId", "userStatusId", status FROM compliance'

  enqueue sql --source file:/run/secrets/inventory --query-file late.sql --param 2026-11-01 --map serial=userStatusId`
}

// Validate reports what does not go together; kong calls it.
func (c *sqlCommand) Validate() error {
	faults := []error{c.runOptions.Validate()}
	if (c.Query == "") == (c.QueryFile == "") {
		faults = append(faults, errors.New("give either a query or --query-file"))
	}
	if c.QueryTimeout < time.Second {
		faults = append(faults, fmt.Errorf("--query-timeout %v: use 1s or more", c.QueryTimeout))
	}
	return errors.Join(faults...)
}

// Run asks the query and imports what it returns.
func (c *sqlCommand) Run(ctx context.Context, streams cli.Streams) (err error) {
	query, err := c.config()
	if err != nil {
		return cli.Usage(err)
	}
	tenant, err := c.findTenant(ctx)
	if err != nil {
		return err
	}
	bar := newQueryBar(ctx, streams.Err)
	query.OnRows = bar.reached
	result, err := source.Fetch(ctx, query)
	bar.close()
	if err != nil {
		return unasked(err)
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	return c.tableOptions.enqueue(ctx, streams, &c.runOptions, tenant, table{
		CSVConfig: source.CSVConfig{Name: query.Address.String(), Result: result},
		kind:      "sql",
		name:      c.runName(query.Address),
		note:      func(n *tableNote) { n.Query = noteQuery(query, c.TimeZone) },
		says: func(d *description) {
			d.Database, d.Query = query.Address.String(), digest(query.Text)
			d.written = query.Address.Server + ", query sha256 " + d.Query[:12] + "…"
		},
	})
}

// config reads what the flags speak of. The error joins all faults.
func (c *sqlCommand) config() (q source.QueryConfig, err error) {
	q = source.QueryConfig{Text: c.Query, Parameters: c.Param, Timeout: c.QueryTimeout}
	var faults []error
	if q.Address, err = readAddress(c.Source); err != nil {
		faults = append(faults, fmt.Errorf("--source: %w", err))
	}
	if c.QueryFile != "" {
		if q.Text, err = readQuery(c.QueryFile); err != nil {
			faults = append(faults, fmt.Errorf("--query-file: %w", err))
		}
	}
	if c.TimeZone != "" {
		if q.TimeZone, err = source.ParseZone(c.TimeZone); err != nil {
			faults = append(faults, fmt.Errorf("--time-zone: %w", err))
		}
	}
	return q, errors.Join(faults...)
}

// readAddress finds a database's URL. One with a password is not taken from the command line, which every user of the
// machine can read.
func readAddress(place string) (*source.Address, error) {
	if name, ok := strings.CutPrefix(place, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set || value == "" {
			return nil, fmt.Errorf("the environment variable %q is not set", name)
		}
		return source.ParseAddress(value)
	}
	if path, ok := strings.CutPrefix(place, "file:"); ok {
		text, err := readSmall(path, maxAddress)
		if err != nil {
			return nil, err
		}
		return source.ParseAddress(strings.TrimSpace(text))
	}
	if source.HasPassword(place) {
		return nil, errors.New("a URL with a password would be seen by everybody on this machine: put it into a variable and write env:NAME, or into a file and write file:PATH")
	}
	return source.ParseAddress(place)
}

// maxAddress is more than any URL has.
const maxAddress = 16 << 10

// readQuery reads a query, without the byte order mark that editors of queries like to write.
func readQuery(path string) (string, error) {
	text, err := readSmall(path, source.MaxQuery)
	return strings.TrimPrefix(text, "\ufeff"), err
}

// readSmall reads a file, but not without end: it may be another one than was meant.
func readSmall(path string, most int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return string(text), err
}

func (c *sqlCommand) runName(a *source.Address) string {
	if c.QueryFile != "" {
		return filepath.Base(c.QueryFile)
	}
	return a.String()
}

// unasked says what became of an import whose query brought nothing.
func unasked(err error) error {
	wrapped := fmt.Errorf("%w. Nothing was enqueued", err)
	if q, ok := errors.AsType[*source.QueryError](err); ok && q.Query {
		return cli.Usage(wrapped)
	}
	return wrapped
}

// queryNote is what a run keeps of the query it came from. What the parameters stood for is not in it: they are where
// something personal or secret would be.
type queryNote struct {
	Server     string `json:"server"`
	Host       string `json:"host"`
	Database   string `json:"database"`
	Text       string `json:"text"`
	SHA256     string `json:"sha256"`
	Parameters int    `json:"parameters,omitempty"` // how many
	TimeZone   string `json:"timeZone,omitempty"`
}

func noteQuery(q source.QueryConfig, zone string) *queryNote {
	return &queryNote{
		Server: q.Address.Server, Host: q.Address.Host, Database: q.Address.Database,
		Text: q.Text, SHA256: digest(q.Text), Parameters: len(q.Parameters), TimeZone: zone,
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
