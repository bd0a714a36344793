package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs of a server that has no more of something.
const (
	diskFull           = "53100"
	tooManyConnections = "53300"
)

// Advice says what a person can do about an error of the server, as a sentence; empty when the error says it all.
func Advice(err error) string {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	switch refusal.Code {
	case diskFull:
		return "The database's disk is full: make room there, then try again."
	case tooManyConnections:
		return "The database has no connection left for this role: see in pg_stat_activity who has them, and raise max_connections " +
			"or the role's CONNECTION LIMIT. A worker takes about 20, an enqueue 4."
	}
	return ""
}
