package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/migrations"
)

// Role is a group role of the server. Nobody logs in with it; users are its members.
type Role string

// The roles, from who puts work in to who only reads.
const (
	EnqueueRole Role = "graphpatch_enqueue"
	WorkerRole  Role = "graphpatch_worker"
	AuditRole   Role = "graphpatch_audit"
)

// roles are all roles and where their rights stand.
var roles = []struct {
	name Role
	file string
}{
	{EnqueueRole, "rights/enqueue.sql"},
	{WorkerRole, "rights/worker.sql"},
	{AuditRole, "rights/audit.sql"},
}

// SQLSTATEs of what the server refuses, and of a role that somebody else made meanwhile, as seen after and during that.
const (
	insufficientPrivilege = "42501"
	duplicateObject       = "42710"
	uniqueViolation       = "23505"
)

// Rights is what GrantRights could not do, because the user who migrates may not. The zero Rights is all done.
type Rights struct {
	NoRoles    []Role // that are not there
	OpenSchema string // the schema in which everybody may make tables and functions, "" for none
	Owner      string // of the tables, who has to make more of them there
}

// Advice is what an administrator has to run, "" for nothing.
func (r Rights) Advice() string {
	var text strings.Builder
	if len(r.NoRoles) > 0 {
		text.WriteString("Database roles are missing, and this user may not make them; only the tables' owner can work. An administrator runs\n")
		for _, role := range r.NoRoles {
			fmt.Fprintf(&text, "  CREATE ROLE %s NOLOGIN;\n", role)
		}
		text.WriteString("and \"worker migrate\" once more gives them their rights.\n")
	}
	if r.OpenSchema != "" {
		schema, owner := pgx.Identifier{r.OpenSchema}.Sanitize(), pgx.Identifier{r.Owner}.Sanitize()
		fmt.Fprintf(&text, "Every user of the database may make tables and functions beside graphpatch's. An administrator ends that with\n"+
			"  GRANT CREATE ON SCHEMA %[1]s TO %[2]s;\n  REVOKE CREATE ON SCHEMA %[1]s FROM PUBLIC;\n", schema, owner)
	}
	return text.String()
}

// GrantRights makes the roles that are missing and gives each exactly its rights, in a migrated database with River's
// tables. It may be done again at any time, also by several at once.
func GrantRights(ctx context.Context, pool *pgxpool.Pool) (left Rights, err error) {
	for _, role := range roles {
		there, err := ensureRole(ctx, pool, role.name)
		if err != nil {
			return Rights{}, fmt.Errorf("make the role %s: %w", role.name, err)
		}
		if !there {
			left.NoRoles = append(left.NoRoles, role.name)
		}
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('graphpatch.rights'))`); err != nil {
			return err
		}
		if err := run(ctx, tx, "rights/public.sql"); err != nil {
			return err
		}
		for _, role := range roles {
			if slices.Contains(left.NoRoles, role.name) {
				continue
			}
			if err := grant(ctx, tx, role.name, role.file); err != nil {
				return fmt.Errorf("%s: %w", role.name, err)
			}
		}
		left.OpenSchema, left.Owner, err = closeSchema(ctx, tx)
		return err
	})
	if err != nil {
		return Rights{}, fmt.Errorf("grant the rights: %w", err)
	}
	return left, nil
}

// ensureRole reports whether the role is there in the end. Roles are the server's: another database of it may make the same
// one at the same time.
func ensureRole(ctx context.Context, pool *pgxpool.Pool, role Role) (bool, error) {
	var there, may bool
	const look = `
		SELECT to_regrole($1) IS NOT NULL, (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)`
	if err := pool.QueryRow(ctx, look, string(role)).Scan(&there, &may); err != nil || there || !may {
		return there, err
	}
	_, err := pool.Exec(ctx, "CREATE ROLE "+string(role)+" NOLOGIN")
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refusal.Code {
		case duplicateObject, uniqueViolation:
			return true, nil
		case insufficientPrivilege: // a managed server has rules of its own
			return false, nil
		}
	}
	return err == nil, err
}

// clearing are the statements that take from a role what it has on things of this user's, so that what it gets after that is
// all it has.
const clearing = `
	SELECT format('REVOKE ALL ON %s %s FROM %I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass, $1::text)
	FROM pg_class c
	WHERE pg_has_role(relowner, 'USAGE') AND (
		EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee = to_regrole($1))
		OR EXISTS (SELECT FROM pg_attribute, aclexplode(attacl) a WHERE attrelid = c.oid AND a.grantee = to_regrole($1)))
	UNION ALL
	SELECT format('REVOKE ALL ON FUNCTION %s FROM %I', oid::regprocedure, $1::text)
	FROM pg_proc
	WHERE pg_has_role(proowner, 'USAGE') AND EXISTS (SELECT FROM aclexplode(proacl) a WHERE a.grantee = to_regrole($1))
	UNION ALL -- the way to all of them
	SELECT format('GRANT USAGE ON SCHEMA %I TO %I', nspname, $1::text)
	FROM pg_namespace
	WHERE nspname IN (current_schema(), 'public') AND NOT has_schema_privilege($1, oid, 'USAGE')
	UNION ALL
	SELECT format('GRANT CONNECT ON DATABASE %I TO %I', datname, $1::text)
	FROM pg_database
	WHERE datname = current_database() AND NOT has_database_privilege($1, oid, 'CONNECT')`

func grant(ctx context.Context, tx pgx.Tx, role Role, file string) error {
	rows, err := tx.Query(ctx, clearing, string(role))
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return run(ctx, tx, file)
}

func run(ctx context.Context, tx pgx.Tx, file string) error {
	text, err := migrations.FS.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, string(text))
	return err
}

// closeSchema keeps everybody from making tables and functions where the owner's functions look for theirs, which
// PostgreSQL before 15 allows in the schema public. It returns the schema, and the tables' owner, if it stays open: the owner
// must not lose the right as well.
func closeSchema(ctx context.Context, tx pgx.Tx) (open, owner string, err error) {
	const look = `
		SELECT nspname, pg_get_userbyid(relowner), pg_has_role(nspowner, 'USAGE') AND pg_has_role(relowner, nspowner, 'USAGE')
		FROM pg_namespace, pg_class c
		WHERE nspname = current_schema() AND c.oid = 'audit_event'::regclass AND EXISTS (
			SELECT FROM aclexplode(nspacl) a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')`
	var schema string
	var ours bool
	err = tx.QueryRow(ctx, look).Scan(&schema, &owner, &ours)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", "", nil
	case err != nil:
		return "", "", err
	case !ours:
		return schema, owner, nil
	}
	_, err = tx.Exec(ctx, "REVOKE CREATE ON SCHEMA "+pgx.Identifier{schema}.Sanitize()+" FROM PUBLIC")
	return "", "", err
}
