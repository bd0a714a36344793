package source

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// QueryConfig says what to ask of which database.
type QueryConfig struct {
	Address    *Address
	Text       string
	Parameters []string       // what $1, ? or @p1 and so on stand for; the server makes of the texts what it needs
	Timeout    time.Duration  // until the last row has come
	TimeZone   *time.Location // what a date and time without a zone is in; nil: such a column cannot be read
	TempDir    string         // where the result is kept; "": os.TempDir
	OnRows     func(rows int) // nil, or told how many rows there are so far, at each thousandth
}

// MaxQuery is how many bytes a query may have: the run keeps it.
const MaxQuery = 64 << 10

// Fetch asks the query in a transaction that reads only, and keeps what it returns; rows are held in memory one at a time. The
// error is a *QueryError, or that of the context or of the file. The caller closes the result.
func Fetch(ctx context.Context, cfg QueryConfig) (_ *Result, err error) {
	r := &Result{name: cfg.Address.String(), zone: cfg.TimeZone}
	if fault := unreadable(cfg.Text); fault != "" {
		return nil, &QueryError{Source: r.name, Reason: fault, Query: true}
	}
	within, cancel := context.WithTimeoutCause(ctx, cfg.Timeout+cfg.Address.grace(), errTimeout)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	from, err := cfg.Address.ask(within, &cfg)
	if err == nil {
		defer alsoClose(&err, from.close)
		err = r.keep(within, &cfg, from)
	}
	if err != nil {
		return nil, cfg.explain(ctx, within, err)
	}
	return r, nil
}

func unreadable(query string) string {
	switch {
	case strings.TrimSpace(query) == "":
		return "the query is empty"
	case len(query) > MaxQuery:
		return "the query is longer than 64 KiB"
	case !utf8.ValidString(query) || strings.ContainsRune(query, 0):
		return "the query is not valid UTF-8"
	}
	return ""
}

// grace is how much longer than the timeout we wait for a server that keeps to it: its own words come in time.
func (a *Address) grace() time.Duration {
	if a.Server == sqlServerServer {
		return 0
	}
	return time.Second
}

func (a *Address) ask(ctx context.Context, cfg *QueryConfig) (results, error) {
	switch a.Server {
	case postgresServer:
		return askPostgres(ctx, cfg)
	case mysqlServer:
		return askMySQL(ctx, cfg)
	}
	return askSQLServer(ctx, cfg)
}
