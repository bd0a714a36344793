package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"graphpatch/internal/postgres/pgtest"
)

// member connects as a user in those roles, who is gone when the test ends.
func member(t *testing.T, db *pgtest.DB, roles ...string) *pgx.Conn {
	t.Helper()
	user, password := "graphpatch_e2e_"+strings.ToLower(rand.Text()), rand.Text()
	owner := db.Conn(t)
	if _, err := owner.Exec(t.Context(), `CREATE USER `+user+` PASSWORD '`+password+`'`); err != nil {
		t.Fatal(err)
	}
	after := context.WithoutCancel(t.Context())
	t.Cleanup(func() { // the database goes with the test; users are the server's
		conn, err := pgx.Connect(after, db.URL)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(after)
		if _, err := conn.Exec(after, `DROP ROLE `+user); err != nil {
			t.Error(err)
		}
	})
	for _, role := range roles {
		if _, err := owner.Exec(t.Context(), `GRANT `+role+` TO `+user); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), asUser(t, db.URL, user, password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(after) })
	return conn
}

// rightsOfTables are what enqueue, the worker, the audit and everybody may do with each table and sequence. Small letters: only with
// some columns. A new table needs a line here, and in migrations/rights.
var rightsOfTables = map[string][4]string{
	"audit_commit":              {"SELECT insert", "SELECT insert", "SELECT", ""},
	"audit_commit_…":            {"", "", "", ""},
	"audit_purge":               {"SELECT", "", "SELECT", ""},
	"audit.events":              {"", "", "SELECT", ""},
	"audit.rows":                {"", "", "SELECT", ""},
	"audit.runs":                {"", "", "SELECT", ""},
	"audit_event":               {"SELECT insert", "SELECT insert", "SELECT", ""},
	"audit_event_…":             {"", "", "", ""},
	"budget":                    {"SELECT", "SELECT INSERT UPDATE", "SELECT", ""},
	"firing":                    {"SELECT INSERT UPDATE", "SELECT INSERT UPDATE", "SELECT", ""},
	"in_flight":                 {"SELECT", "SELECT INSERT UPDATE DELETE", "SELECT", ""},
	"plan":                      {"SELECT DELETE", "SELECT INSERT UPDATE", "SELECT", ""},
	"river_job":                 {"SELECT INSERT update", "SELECT INSERT UPDATE DELETE", "", ""},
	"river_job_id_seq":          {"USAGE", "USAGE", "", ""},
	"river_leader":              {"", "SELECT INSERT UPDATE DELETE", "", ""},
	"river_migration":           {"SELECT", "SELECT", "", ""},
	"river_notification":        {"", "SELECT INSERT UPDATE DELETE", "", ""},
	"river_notification_id_seq": {"", "USAGE", "", ""},
	"river_queue":               {"SELECT", "SELECT INSERT UPDATE DELETE", "SELECT", ""},
	"run":                       {"SELECT INSERT update", "SELECT update", "SELECT", ""},
	"run_count":                 {"SELECT INSERT update", "SELECT UPDATE", "SELECT", ""},
	"run_counter":               {"SELECT INSERT UPDATE", "", "SELECT", ""},
	"schedule":                  {"SELECT INSERT UPDATE", "SELECT INSERT UPDATE", "SELECT", ""},
	"schema_version":            {"SELECT", "SELECT", "SELECT", ""},
	"status_update":             {"SELECT INSERT", "SELECT", "SELECT", ""},
	"status_update_…":           {"INSERT", "", "", ""},
}

// rightsOfColumns are the columns that a role may not write in a table of which it may write others.
var rightsOfColumns = map[string]string{
	"graphpatch_enqueue INSERT audit_event": "body_cut client_request_id elapsed_us erased final method recorded_at request_body request_id response_body response_headers sent_at spared status url worker",
	"graphpatch_worker INSERT audit_event":  "erased recorded_at",
	"graphpatch_enqueue UPDATE run":         "actor created_at fingerprint id kind name options origin priority repeat source tenant",
	"graphpatch_enqueue UPDATE run_count":   "applied failed late looked_at max_failures max_failures_percent missing moved observed planned_settled progress_at refused rejected requests rows run settled superseded throttled transient unauthorized unchanged unknown",
	"graphpatch_worker UPDATE run":          "actor blind created_at fingerprint id kind name options origin plan_hold priority repeat source tenant",
}

// What each role may do, all of it.
func TestRights(t *testing.T) {
	t.Parallel()
	_, db := newTestKit(t)
	owner := db.Conn(t)
	users := [4]*pgx.Conn{
		member(t, db, "graphpatch_enqueue"), member(t, db, "graphpatch_worker"), member(t, db, "graphpatch_audit"), member(t, db),
	}
	got := map[string][4]string{}
	for i, user := range users {
		for name, rights := range tableRights(t, owner, user.Config().User) {
			all := got[name]
			all[i] = rights
			got[name] = all
		}
	}
	if diff := cmp.Diff(rightsOfTables, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	columns := map[string]string{}
	for what := range rightsOfColumns {
		f := strings.Fields(what)
		columns[what] = column(t, owner, `
			SELECT coalesce(string_agg(attname, ' ' ORDER BY attname), '') FROM pg_attribute
			WHERE attrelid = $3::regclass AND attnum > 0 AND NOT attisdropped AND NOT has_column_privilege($1, attrelid, attnum, $2)`, f[0], f[1], f[2])[0]
	}
	if diff := cmp.Diff(rightsOfColumns, columns); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	functionRights(t, owner, users)
}

// tableRights are a user's rights on the tables and sequences of the schema. Months are one entry.
func tableRights(t *testing.T, owner *pgx.Conn, user string) map[string]string {
	t.Helper()
	rows, err := owner.Query(t.Context(), `
		SELECT DISTINCT CASE relnamespace WHEN 'audit'::regnamespace THEN 'audit.' ELSE '' END || regexp_replace(relname, '_\d{6}$', '_…'), coalesce((
			SELECT string_agg(CASE WHEN whole THEN p ELSE lower(p) END, ' ' ORDER BY n)
			FROM unnest(CASE relkind WHEN 'S' THEN ARRAY['USAGE'] ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] END)
				WITH ORDINALITY AS one (p, n),
			LATERAL (SELECT CASE relkind WHEN 'S' THEN has_sequence_privilege($1, oid, p) ELSE has_table_privilege($1, oid, p) END AS whole) w
			WHERE whole OR p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND relkind <> 'S' AND has_any_column_privilege($1, oid, p)), '')
		FROM pg_class
		WHERE relnamespace IN ('public'::regnamespace, 'audit'::regnamespace) AND relkind IN ('r', 'p', 'S', 'v', 'm')`, user)
	if err != nil {
		t.Fatal(err)
	}
	rights := map[string]string{}
	var name, may string
	_, err = pgx.ForEachRow(rows, []any{&name, &may}, func() error {
		if _, twice := rights[name]; twice {
			return fmt.Errorf("%s may not do the same with all months of %s", user, name)
		}
		rights[name] = may
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rights
}

// functionRights checks that nobody but who needs them may call our functions.
func functionRights(t *testing.T, owner *pgx.Conn, users [4]*pgx.Conn) {
	t.Helper()
	const callable = `
		SELECT proname FROM pg_proc
		WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'river\_%' AND has_function_privilege($1, oid, 'EXECUTE')
		ORDER BY 1`
	want := [4][]string{
		{"event_id", "make_months"},
		{
			"budget_crashed", "budget_ease", "budget_eased", "budget_factor", "budget_got_through", "budget_lower", "budget_open", "budget_reserve",
			"budget_step", "budget_strike", "budget_struck", "budget_tell", "budget_visited", "event_id", "failure_cause", "make_months",
		},
		{"event_id", "failure_cause"}, nil,
	}
	for i, user := range users {
		got := column(t, owner, callable, user.Config().User)
		if !slices.Equal(got, want[i]) {
			t.Errorf("user %d may call %v, want %v", i, got, want[i])
		}
	}
	definers := column(t, owner, `SELECT proname || ' ' || array_to_string(proconfig, ' ') FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef`)
	if !slices.Equal(definers, []string{"make_months search_path=public, pg_temp"}) {
		t.Errorf("in the owner's name: %v", definers)
	}
}

func column(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// What nobody may do to what has happened, in whatever way he tries.
func TestHistoryIsNobodysToChange(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", "--hold", k.write("two.csv", twoRows("x", "y"))))
	month := run[:6]
	tries := []string{
		`UPDATE audit_event SET error = 'never' WHERE run = ` + run,
		`DELETE FROM audit_event`,
		`TRUNCATE audit_event`,
		`UPDATE audit_event_` + month + ` SET error = 'never'`,
		`DELETE FROM audit_event_` + month,
		`TRUNCATE audit_event_` + month,
		`INSERT INTO audit_event_` + month + ` (run, row, outcome) VALUES (` + run + `, 1, 'unknown')`,
		`INSERT INTO audit_event (run, row, outcome, recorded_at) VALUES (` + run + `, 1, 'unknown', '2001-01-01')`,
		`UPDATE audit_event SET error = NULL, request_body = NULL, response_body = NULL, erased = sha256('') WHERE run = ` + run,
		`UPDATE status_update SET user_principal_name = NULL, other = NULL, erased = sha256('')`,
		`UPDATE audit_commit SET digest = sha256('')`,
		`DELETE FROM audit_commit_` + month,
		`TRUNCATE audit_commit`,
		`INSERT INTO audit_purge VALUES (202601, now(), 'nobody', 0, sha256(''))`,
		`UPDATE status_update SET status = 'error'`,
		`DELETE FROM status_update_` + month,
		`TRUNCATE status_update, status_update_` + month,
		`UPDATE run SET actor = 'somebody else' WHERE id = ` + run,
		`DELETE FROM run`,
		`DELETE FROM run_count`,
		`ALTER TABLE audit_event DISABLE TRIGGER ALL`,
		`ALTER TABLE audit_event_` + month + ` DISABLE TRIGGER ALL`,
		`DROP TRIGGER audit_event_append_only ON audit_event`,
		`CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`ALTER TABLE audit_event DETACH PARTITION audit_event_` + month,
		`DROP TABLE audit_event_` + month,
		`ALTER TABLE audit_event OWNER TO CURRENT_USER`,
		`CREATE INDEX ON audit_event (worker)`,
		`CREATE RULE quietly AS ON INSERT TO audit_event DO INSTEAD NOTHING`,
		`CREATE TRIGGER quietly BEFORE INSERT ON in_flight FOR EACH ROW EXECUTE FUNCTION refuse_change()`,
		`ALTER TABLE in_flight ENABLE ROW LEVEL SECURITY`,
		`SET session_replication_role = replica`,
		`DO 'BEGIN LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE; END'`,
		`SELECT make_month(209901)`,
		`CREATE TABLE public.mine ()`,
		`CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1'`,
		`COPY audit_event TO PROGRAM 'cat'`,
		`UPDATE schema_version SET version = 0`,
	}
	for role, others := range map[string][]string{
		"graphpatch_enqueue": {"graphpatch_worker", "graphpatch_audit"},
		"graphpatch_worker":  {"graphpatch_enqueue", "graphpatch_audit"},
		"graphpatch_audit":   {"graphpatch_enqueue", "graphpatch_worker"},
	} {
		user := member(t, db, role)
		for _, other := range append(others, db.Conn(t).Config().User) {
			mustRefuse(t, role, user, `SET ROLE `+other)
		}
		// Of this one the server only warns that it does nothing.
		if _, err := user.Exec(t.Context(), `GRANT ALL ON audit_event, status_update TO CURRENT_USER`); err != nil {
			t.Error(err)
		}
		for _, try := range tries {
			mustRefuse(t, role, user, try)
		}
	}
	worker, enqueue, audit := member(t, db, "graphpatch_worker"), member(t, db, "graphpatch_enqueue"), member(t, db, "graphpatch_audit")
	mustRefuse(t, "worker", worker, `INSERT INTO status_update (run, row) VALUES (`+run+`, 9)`)
	mustRefuse(t, "worker", worker, `INSERT INTO run_counter VALUES (209901, 1)`)
	mustRefuse(t, "enqueue", enqueue, `INSERT INTO audit_event (run, row, outcome, final) VALUES (`+run+`, 1, 'applied', true)`)
	mustRefuse(t, "enqueue", enqueue, `DELETE FROM in_flight`)
	mustRefuse(t, "enqueue", enqueue, `UPDATE budget SET factor = 1`)
	mustRefuse(t, "enqueue", enqueue, `DELETE FROM river_job`)
	mustRefuse(t, "audit", audit, `UPDATE run SET state = 'running'`)
	mustRefuse(t, "audit", audit, `SELECT args FROM river_job`)
	mustRefuse(t, "audit", audit, `SELECT make_months()`)
	if left := column(t, db.Conn(t), `SELECT outcome FROM audit_event`); !slices.Equal(left, []string{"enqueued"}) {
		t.Errorf("the events are %v", left)
	}
}

// mustRefuse tries a statement that the server must refuse for the user's rights, not for what a trigger says.
func mustRefuse(t *testing.T, role string, user *pgx.Conn, sql string) {
	t.Helper()
	_, err := user.Exec(t.Context(), sql)
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refusal.Code != "42501" || strings.Contains(refusal.Message, "append-only") {
		t.Errorf("%s: %s: got %v, want SQLSTATE 42501", role, sql, err)
	}
}
