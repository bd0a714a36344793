package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// RightsError tells that the database's user may not do what a program does.
type RightsError struct {
	User  string
	Role  Role     // whose rights it takes
	Lacks []string // "INSERT on audit_event"; empty when the role is not there
}

func (e *RightsError) Error() string {
	text := fmt.Sprintf("the database user %s does not have the rights of the role %s", e.User, e.Role)
	if len(e.Lacks) == 0 {
		return text + `, and there is no such role: run "worker migrate" as the tables' owner, which says what an administrator has to do`
	}
	const few = 3
	lacks := strings.Join(e.Lacks[:min(few, len(e.Lacks))], ", ")
	if more := len(e.Lacks) - few; more > 0 {
		lacks += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s (%s): an administrator runs GRANT %s TO %s", text, lacks, e.Role, pgx.Identifier{e.User}.Sanitize())
}

// lacking are the rights on things of this database that the role has and the current user has not.
const lacking = `
	SELECT a.privilege_type || ' on ' || c.oid::regclass
	FROM pg_class c, aclexplode(c.relacl) a
	WHERE a.grantee = to_regrole($1) AND NOT CASE relkind
		WHEN 'S' THEN has_sequence_privilege(c.oid, a.privilege_type)
		ELSE has_table_privilege(c.oid, a.privilege_type) END
	UNION ALL
	SELECT DISTINCT a.privilege_type || ' on ' || attrelid::regclass
	FROM pg_attribute, aclexplode(attacl) a
	WHERE a.grantee = to_regrole($1) AND NOT has_column_privilege(attrelid, attnum, a.privilege_type)
	UNION ALL
	SELECT 'EXECUTE on ' || p.oid::regproc
	FROM pg_proc p, aclexplode(p.proacl) a
	WHERE a.grantee = to_regrole($1) AND NOT has_function_privilege(p.oid, 'EXECUTE')
	UNION ALL
	SELECT 'USAGE on schema ' || nspname
	FROM pg_namespace n, aclexplode(n.nspacl) a
	WHERE a.grantee = to_regrole($1) AND NOT has_schema_privilege(n.oid, 'USAGE')
	ORDER BY 1`

// CheckRights returns a *RightsError unless the pool's user has all rights of the role, as its member or otherwise. Where
// the role is not there, nobody knows before something is refused.
func CheckRights(ctx context.Context, pool *pgxpool.Pool, role Role) error {
	rows, err := pool.Query(ctx, lacking, string(role))
	if err != nil {
		return fmt.Errorf("look at the user's rights: %w", err)
	}
	lacks, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look at the user's rights: %w", err)
	}
	if len(lacks) == 0 {
		return nil
	}
	return &RightsError{User: pool.Config().ConnConfig.User, Role: role, Lacks: lacks}
}

// ExplainRefusal returns what an error of a database for this role comes to: a *RightsError if the server refused
// something, otherwise the error itself.
func ExplainRefusal(ctx context.Context, pool *pgxpool.Pool, role Role, err error) error {
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refusal.Code != insufficientPrivilege {
		return err
	}
	lack := CheckRights(ctx, pool, role)
	if _, ok := errors.AsType[*RightsError](lack); ok {
		return lack
	}
	var there bool
	if pool.QueryRow(ctx, `SELECT to_regrole($1) IS NOT NULL`, string(role)).Scan(&there) == nil && !there {
		return &RightsError{User: pool.Config().ConnConfig.User, Role: role}
	}
	return err
}

// OwnsTables reports whether the pool's user may change the tables themselves, as their owner or a superuser.
func OwnsTables(ctx context.Context, pool *pgxpool.Pool) (owns bool, err error) {
	err = pool.QueryRow(ctx, `SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'audit_event'::regclass`).Scan(&owns)
	if err != nil {
		return false, fmt.Errorf("look whose the tables are: %w", err)
	}
	return owns, nil
}
