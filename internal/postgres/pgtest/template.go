package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"graphpatch/internal/postgres"
)

// Our databases are named for what they are and when they were made, as
// graphpatch_<kind>_<time>_<rest>, because a server does not remember when a
// database was made. The time is the server's, in hexadecimal seconds; the
// rest is random, of a template the schema's hash.
const (
	testKind     = "test"
	makingKind   = "making"
	templateKind = "template"
)

// templateLock is the advisory lock under which templates are made and old
// databases go: an arbitrary number, the same for everybody.
const templateLock = 5125823674013

// SQLSTATEs of a database that somebody else dropped, or uses.
const (
	noSuchDatabase = "3D000"
	databaseInUse  = "55006"
)

// create makes a database for a test.
func (s *server) create(ctx context.Context) (string, error) {
	name, err := s.clone(ctx)
	if hasCode(err, noSuchDatabase) {
		// Tests of another schema took the template for an old one just now.
		return s.clone(ctx)
	}
	return name, err
}

func (s *server) clone(ctx context.Context) (string, error) {
	template, err := s.findTemplate(ctx)
	if err != nil {
		return "", err
	}
	if template == "" {
		if template, err = s.ensureTemplate(ctx); err != nil {
			return "", fmt.Errorf("template: %w", err)
		}
	}
	name, err := s.freshName(ctx, testKind, strings.ToLower(rand.Text()))
	if err != nil {
		return "", err
	}
	_, err = s.pool.Exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template))
	return name, err
}

// drop removes a database, whoever is still connected to it.
func (s *server) drop(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
	return err
}

// findTemplate returns this schema's template, or nothing.
func (s *server) findTemplate(ctx context.Context) (string, error) {
	var name string
	const query = `SELECT coalesce(max(datname), '') FROM pg_database WHERE datname ~ ('^graphpatch_template_[0-9a-f]+_' || $1 || '$')`
	err := s.pool.QueryRow(ctx, query, s.hash).Scan(&name)
	return name, err
}

// ensureTemplate makes this schema's template unless somebody else was faster.
func (s *server) ensureTemplate(ctx context.Context) (name string, err error) {
	err = s.locked(ctx, func() error {
		if name, err = s.findTemplate(ctx); err != nil || name != "" {
			return err
		}
		name, err = s.makeTemplate(ctx)
		return err
	})
	return name, err
}

// locked runs a step while nobody else, in any process, runs one.
func (s *server) locked(ctx context.Context, step func() error) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return err
	}
	err = step()
	_, unlockErr := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, templateLock)
	return errors.Join(err, unlockErr)
}

// makeTemplate gives the template its name when it is finished, so that one
// whose maker was killed is never used.
func (s *server) makeTemplate(ctx context.Context) (string, error) {
	making, err := s.freshName(ctx, makingKind, s.hash)
	if err != nil {
		return "", err
	}
	name := strings.Replace(making, makingKind, templateKind, 1)
	if _, err := s.pool.Exec(ctx, "CREATE DATABASE "+quote(making)+" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"); err != nil {
		return "", err
	}
	if _, _, err := postgres.Migrate(ctx, s.address(making)); err != nil {
		return "", errors.Join(err, s.drop(context.WithoutCancel(ctx), making))
	}
	// Closed to all, because a database that is in use cannot be copied.
	if _, err := s.pool.Exec(ctx, "ALTER DATABASE "+quote(making)+" ALLOW_CONNECTIONS false"); err != nil {
		return "", err
	}
	_, err = s.pool.Exec(ctx, "ALTER DATABASE "+quote(making)+" RENAME TO "+quote(name))
	return name, err
}

// tidy drops what killed tests and older schemas left behind: all databases of
// ours over an hour old but this schema's template.
func (s *server) tidy(ctx context.Context) error {
	const query = `
SELECT datname
FROM pg_database
CROSS JOIN regexp_match(datname, '^graphpatch_(test|making|template)_([0-9a-f]{8})_') AS part
WHERE part IS NOT NULL
  AND datname !~ ('^graphpatch_template_.*_' || $1 || '$')
  AND ('x' || part[2])::bit(32)::bigint < extract(epoch FROM now() - interval '1 hour')`
	rows, err := s.pool.Query(ctx, query, s.hash)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.drop(ctx, name); err != nil && !hasCode(err, databaseInUse) {
			return err
		}
	}
	return nil
}

func (s *server) freshName(ctx context.Context, kind, rest string) (string, error) {
	var now string
	err := s.pool.QueryRow(ctx, `SELECT to_hex(extract(epoch FROM now())::bigint)`).Scan(&now)
	return "graphpatch_" + kind + "_" + now + "_" + rest, err
}

func hasCode(err error, code string) bool {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refusal.Code == code
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
