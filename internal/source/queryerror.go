package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	mssql "github.com/microsoft/go-mssqldb"
)

// QueryError tells in plain words why a query brought no rows. It never holds a password.
type QueryError struct {
	Source string // the database's name
	Reason string
	Query  bool // the query is at fault; otherwise the server, the way to it, or the rights there
}

func (e *QueryError) Error() string { return e.Source + ": " + e.Reason }

var (
	errTimeout   = errors.New("the query took too long")
	errNoColumns = errors.New("the query returns no rows: write one that selects")
	errTwoTables = errors.New("the query returns more than one table: select one")
)

// parametersError says that a query takes another number of parameters than there are.
type parametersError struct{ takes, given int }

func (e *parametersError) Error() string {
	return fmt.Sprintf("the query takes %d of --param, %d given", e.takes, e.given)
}

// explain makes an error one for people. What ended the caller's context stays as it is.
func (cfg *QueryConfig) explain(ctx, within context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, isFile := errors.AsType[*fs.PathError](err); isFile {
		return fmt.Errorf("keep the query's result: %w", err)
	}
	deadline, _ := within.Deadline()
	e := cfg.judge(err, time.Until(deadline) <= cfg.Address.grace())
	if errors.Is(context.Cause(within), errTimeout) {
		e = timedOut
	}
	if e == timedOut {
		e = verdict{reason: fmt.Sprintf("the query took longer than %v; --query-timeout allows more", cfg.Timeout)}
	}
	return &QueryError{Source: cfg.Address.String(), Reason: shown(cfg.Address.hide(e.reason)), Query: e.query}
}

// hide takes the password out of a text. None should stand there; this is for what drivers will say one day. A short one
// could be a part of any word.
func (a *Address) hide(text string) string {
	if len(a.password) < 6 {
		return text
	}
	return strings.ReplaceAll(text, a.password, "***")
}

// maxReason is how many characters of a server's words are shown.
const maxReason = 1000

// shown is a server's words as a terminal can be sent them: on one line, with an end.
func shown(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = unicode.ReplacementChar
		}
	}
	if len(runes) > maxReason {
		return string(runes[:maxReason]) + "…"
	}
	return string(runes)
}

// verdict is what an error meant.
type verdict struct {
	reason string
	query  bool
}

// timedOut is the verdict of each server on a query that ran into its limit.
var timedOut = verdict{reason: "timeout"}

func (cfg *QueryConfig) judge(err error, late bool) verdict {
	_, isWide := errors.AsType[*wideError](err)
	_, isParameters := errors.AsType[*parametersError](err)
	switch {
	case isWide, isParameters, errors.Is(err, errNoColumns), errors.Is(err, errTwoTables):
		return verdict{err.Error(), true}
	}
	if e, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		return verdict{fmt.Sprintf("a row has %d bytes, more than can be read: select fewer or shorter columns", e.ActualBodyLen), true}
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return cfg.judgePostgres(e, late)
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return cfg.judgeMySQL(e)
	}
	if e, ok := errors.AsType[mssql.Error](err); ok {
		return cfg.judgeSQLServer(&e)
	}
	return verdict{reason: unreached(err)}
}

// unreached is what is wrong with the way to a server, without what the driver tells of the address.
func unreached(err error) string {
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = e.Unwrap()
	}
	return "the database cannot be reached, or was lost: " + err.Error()
}

// refusedLogin is what every server means with a wrong user or password.
func (a *Address) refusedLogin(said string) verdict {
	return verdict{reason: fmt.Sprintf("the server refuses the user %q or the password: %s", a.User, said)}
}

// writes is what every server means with a query that would change something.
func writes(said string) verdict {
	return verdict{"the query would write, but is only to read: " + said, true}
}

// position is where in the query the character with that number stands, from 1.
func position(query string, character int) string {
	runes := []rune(query)
	if character < 1 || character > len(runes)+1 {
		return ""
	}
	before := string(runes[:character-1])
	line := strings.Count(before, "\n") + 1
	column := character - len([]rune(before[:strings.LastIndex(before, "\n")+1]))
	return fmt.Sprintf("line %d, column %d of the query: ", line, column)
}
