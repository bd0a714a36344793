package e2e

import (
	"context"
	"crypto/rand"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres"
)

// managed is a server whose administrator is somebody else, and a database on it that an ordinary user owns.
type managed struct {
	*kit
	admin *pgx.Conn
	base  string // the database's URL, as the administrator
}

func newManaged(t *testing.T) *managed {
	t.Helper()
	k := newKit(t)
	server, err := postgres.Open(t.Context(), postgres.Config{
		DataDir: filepath.Join(k.dir, "server"), Settings: map[string]string{"fsync": "off", "max_connections": "60"},
	})
	if err != nil {
		t.Fatal(err)
	}
	closing := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := server.Close(closing); err != nil {
			t.Error(err)
		}
	})
	admin, err := pgx.Connect(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close(closing) })
	m := &managed{kit: k, admin: admin, base: server.URL}
	owner := m.user("owner")
	m.exec(admin, `CREATE DATABASE managed OWNER owner`)
	m.base = strings.Replace(m.base, "/graphpatch?", "/managed?", 1)
	m.as(strings.Replace(owner, "/graphpatch?", "/managed?", 1))
	// As PostgreSQL 14 makes a database: its owner has no more right in the schema than everybody.
	m.exec(m.connect(m.base), `ALTER SCHEMA public OWNER TO graphpatch; GRANT CREATE ON SCHEMA public TO PUBLIC`)
	return m
}

// user makes a user in those roles and returns the database's URL for it.
func (m *managed) user(name string, roles ...string) string {
	m.tb.Helper()
	password := rand.Text()
	m.exec(m.admin, `CREATE USER `+name+` PASSWORD '`+password+`'`)
	for _, role := range roles {
		m.exec(m.admin, `GRANT `+role+` TO `+name)
	}
	return asUser(m.tb, m.base, name, password)
}

func asUser(tb testing.TB, base, name, password string) string {
	tb.Helper()
	address, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	address.User = url.UserPassword(name, password)
	return address.String()
}

// as lets the programs work as somebody else.
func (m *managed) as(address string) { m.env["DATABASE_URL"] = address }

// refused runs a program that must fail, and say these words.
func (m *managed) refused(words []string, name string, args ...string) {
	m.tb.Helper()
	r := m.run(name, args...)
	said := r.stdout + r.stderr
	for _, word := range words {
		if r.code != 1 || !strings.Contains(said, word) {
			m.tb.Errorf("%s %s: want exit code 1 and %q: %s", name, strings.Join(args, " "), word, r)
		}
	}
}

// The whole job, each part of it by a user who may do nothing else, on a server where the one who migrates may make no
// roles.
func TestEachRoleDoesItsPart(t *testing.T) {
	t.Parallel()
	m := newManaged(t)
	owner := m.env["DATABASE_URL"]
	m.simulator()
	stranger := m.user("stranger")

	first := m.ok("worker", "migrate")
	advised := regexp.MustCompile(`(?m)^ {2}((CREATE ROLE|GRANT|REVOKE) .*);$`).FindAllStringSubmatch(first.stdout, -1)
	if len(advised) != 5 {
		t.Fatalf("the migration does not say what is missing: %s", first)
	}
	m.as(stranger)
	m.refused([]string{"stranger", "graphpatch_audit", "no such role"}, "audit", "runs")
	admin := m.connect(m.base)
	for _, statement := range advised {
		m.exec(admin, statement[1])
	}
	m.as(owner)
	if again := m.ok("worker", "migrate"); strings.Contains(again.stdout, "administrator") {
		t.Errorf("the migration still wants something: %s", again)
	}
	m.as(stranger)
	m.refused([]string{`GRANT graphpatch_audit TO "stranger"`}, "audit", "runs")

	m.readsFirst = true
	run := m.enqueueAsItsRole(owner)
	m.workAsItsRole(owner, run)

	m.as(m.user("reader", "graphpatch_audit"))
	if shown := m.ok("audit", "show", run); !strings.Contains(shown.stdout, "finished") {
		t.Errorf("got %s", shown)
	}
	if all := events(m.kit, run); len(all) < 40 {
		t.Errorf("the reader sees %d events", len(all))
	}
	m.ok("audit", "runs")
	m.ok("audit", "results", run, "-o", "-")
	m.ok("audit", "plan", run, "-o", "-")
	m.ok("audit", "verify")
	m.ok("audit", "checkpoint", "-o", "-")
	m.refused([]string{"the user who owns the tables"}, "audit", "purge", "--before", "202001")
	m.refused([]string{"the user who owns the tables"}, "audit", "erase", "--user", "anna@contoso.com")
	m.refused([]string{`GRANT graphpatch_enqueue TO "reader"`}, "enqueue", "hold", run)
	m.refused([]string{`GRANT graphpatch_worker TO "reader"`}, "worker", "--drain")
}

// enqueueAsItsRole puts a run in, and does everything else that may be done to one. It leaves one to be worked.
func (m *managed) enqueueAsItsRole(owner string) (run string) {
	m.tb.Helper()
	month := m.dropLastMonth(owner)
	m.as(m.user("clerk", "graphpatch_enqueue"))
	m.refused([]string{`GRANT graphpatch_worker TO "clerk"`}, "worker", "check")
	m.refused([]string{`GRANT graphpatch_worker TO "clerk"`}, "worker", "--drain")
	file := filepath.Join(repository(m.tb), "examples", "statuses.csv")
	m.ok("enqueue", "csv", "--dry-run", file)
	given := enqueued(m.kit, m.ok("enqueue", "csv", "--output=json", "--hold", file))
	m.monthIsThere(owner, month)
	m.ok("enqueue", "release", given)
	m.ok("enqueue", "hold", given)
	m.ok("enqueue", "cancel", given)
	again := enqueued(m.kit, m.ok("enqueue", "replay", "--outcome=cancelled", "--hold", "--output=json", given))
	m.ok("enqueue", "cancel", again)
	return enqueued(m.kit, m.ok("enqueue", "csv", "--output=json", "--again", file))
}

// workAsItsRole works what is there.
func (m *managed) workAsItsRole(owner, run string) {
	m.tb.Helper()
	month := m.dropLastMonth(owner)
	m.as(m.user("hand", "graphpatch_worker"))
	if checked := m.ok("worker", "check"); !strings.Contains(checked.stdout, "the rights of graphpatch_worker") {
		m.tb.Errorf("got %s", checked)
	}
	m.refused([]string{`GRANT graphpatch_enqueue TO "hand"`}, "worker", "check", "--row="+m.write("one.csv", twoRows("x", "y"))+":2")
	drained := m.ok("worker", "--drain")
	if !strings.Contains(drained.stdout, run+" is finished: 40 of 40 rows settled, 40 applied") || strings.Contains(drained.stderr, "42501") {
		m.tb.Errorf("got %s", drained)
	}
	m.monthIsThere(owner, month)
	m.refused([]string{`GRANT graphpatch_enqueue TO "hand"`}, "enqueue", "hold", run)
}

// dropLastMonth takes the youngest, empty month away, so that somebody has to make it again, and returns it.
func (m *managed) dropLastMonth(owner string) string {
	m.tb.Helper()
	conn := m.connect(owner)
	var month string
	err := conn.QueryRow(m.tb.Context(), `SELECT max(right(inhrelid::regclass::text, 6)) FROM pg_inherits WHERE inhparent = 'audit_event'::regclass`).Scan(&month)
	if err != nil {
		m.tb.Fatal(err)
	}
	m.exec(conn, `DROP TABLE audit_event_`+month+`, status_update_`+month)
	return month
}

// monthIsThere checks that a month was made, as the owner's, and nobody's to change.
func (m *managed) monthIsThere(owner, month string) {
	m.tb.Helper()
	var made bool
	err := m.connect(owner).QueryRow(m.tb.Context(), `
		SELECT count(*) = 2 AND bool_and(relowner = 'owner'::regrole AND relispartition)
		   AND bool_and(has_table_privilege('graphpatch_enqueue', oid, 'INSERT') = (relname LIKE 'status_update%'))
		   AND NOT bool_or(has_table_privilege('graphpatch_worker', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
		        OR has_table_privilege('graphpatch_enqueue', oid, 'UPDATE, DELETE, TRUNCATE'))
		FROM pg_class WHERE relname IN ('audit_event_' || $1, 'status_update_' || $1)`, month).Scan(&made)
	if err != nil || !made {
		m.tb.Errorf("month %s was not made as it should be (%v)", month, err)
	}
}

func (m *managed) connect(address string) *pgx.Conn {
	m.tb.Helper()
	conn, err := pgx.Connect(m.tb.Context(), address)
	if err != nil {
		m.tb.Fatal(err)
	}
	m.tb.Cleanup(func() { conn.Close(context.WithoutCancel(m.tb.Context())) })
	return conn
}

// The owner of a private server is a superuser and makes the roles himself, also when several migrate at once.
func TestMigrationMakesTheRoles(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	made := column(t, db.Conn(t), `SELECT rolname FROM pg_roles WHERE rolname IN ('graphpatch_enqueue', 'graphpatch_worker', 'graphpatch_audit') AND NOT rolcanlogin ORDER BY 1`)
	if !slices.Equal(made, []string{"graphpatch_audit", "graphpatch_enqueue", "graphpatch_worker"}) {
		t.Errorf("the roles are %v", made)
	}
	open := db.Conn(t)
	k.exec(open, `GRANT CREATE ON SCHEMA public TO PUBLIC`)
	var said [3]output
	var migrations [3]*process
	for i := range migrations {
		migrations[i] = k.start(&said[i], "worker", "migrate")
	}
	for i, m := range migrations {
		k.until("the migration ends", func() bool { return len(m.ended) > 0 })
		if code := m.end(syscall.Signal(0)); code != 0 || !strings.HasPrefix(said[i].String(), "The schema is up to date") || strings.Contains(said[i].String(), "CREATE") {
			t.Errorf("exit code %d: %s%s", code, &said[i], m.stderr)
		}
	}
	if mine := column(t, open, `SELECT a.privilege_type FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'public' AND a.grantee = 0`); !slices.Equal(mine, []string{"USAGE"}) {
		t.Errorf("everybody may do %v in the schema", mine)
	}
}
