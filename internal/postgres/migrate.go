package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"

	"graphpatch/migrations"
)

const (
	versionTable   = "public.schema_version"
	undefinedTable = "42P01" // SQLSTATE
)

// SchemaError tells that a database's schema is not the one this program was
// built for.
type SchemaError struct{ Have, Want int32 }

func (e *SchemaError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("the database's schema is at version %d, this program knows only %d: the program is older than the database, use a newer one", e.Have, e.Want)
	}
	return fmt.Sprintf(`the database's schema is at version %d, this program needs %d: run "worker migrate"`, e.Have, e.Want)
}

// Migrate brings the schema to the version this program needs and tells which
// versions that was from and to; equal ones mean that nothing was to be done.
// Each migration commits by itself, together with its number. Several callers
// at once are safe: an advisory lock of the database lets one of them work.
//
// Migrations pass through text/template, so their SQL must not hold a double
// brace.
func Migrate(ctx context.Context, address string) (from, to int32, err error) {
	conn, err := connect(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	migrator, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate: %w", err)
	}
	if err := migrator.LoadMigrations(migrations.FS); err != nil {
		return 0, 0, fmt.Errorf("migrate: %w", err)
	}
	return climb(ctx, migrator)
}

func climb(ctx context.Context, migrator *migrate.Migrator) (from, to int32, err error) {
	to = int32(len(migrator.Migrations))
	have, err := migrator.GetCurrentVersion(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate: %w", err)
	}
	if have > to {
		return have, to, &SchemaError{Have: have, Want: to}
	}
	// Only a step that really starts tells the version it started from: another
	// caller may have done the work since the look above.
	from = to
	migrator.OnStart = func(sequence int32, _, _, _ string) { from = min(from, sequence-1) }
	if err := migrator.Migrate(ctx); err != nil {
		return from, to, fmt.Errorf("migrate: %w", err)
	}
	return from, to, nil
}

// Querier is a connection, a pool or a transaction of pgx.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// CheckSchema returns a *SchemaError unless the schema is exactly at the
// version this program needs. In a transaction, a missing schema aborts it.
func CheckSchema(ctx context.Context, db Querier) error {
	names, err := migrate.FindMigrations(migrations.FS)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	want := int32(len(names))
	var have int32
	err = db.QueryRow(ctx, `SELECT version FROM `+versionTable).Scan(&have)
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == undefinedTable {
		have, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	if have != want {
		return &SchemaError{Have: have, Want: want}
	}
	return nil
}

// SchemaHash names this program's set of migrations, in 16 hexadecimal digits:
// another text, name or number of them is another hash.
func SchemaHash() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("migrations: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
