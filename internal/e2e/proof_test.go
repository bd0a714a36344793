package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graphpatch/internal/postgres/pgtest"
)

// rewrite does to a database what only a superuser can.
func rewrite(t *testing.T, db *pgtest.DB, statements ...string) {
	t.Helper()
	conn := db.Conn(t)
	for _, sql := range append([]string{`SET session_replication_role = replica`}, statements...) {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// verified expects the lines of an audit verify that finds something.
func (k *kit) verified(args []string, lines ...string) {
	k.tb.Helper()
	r := k.run("audit", append([]string{"verify"}, args...)...)
	if r.code != 1 || r.stderr != "" {
		k.tb.Errorf("verify %v: %s", args, r)
	}
	for _, line := range lines {
		if !strings.Contains(r.stdout, line) {
			k.tb.Errorf("verify %v does not say %q:\n%s", args, line, r.stdout)
		}
	}
}

// What was recorded verifies, in each role's hands; what a superuser changes is named; and what he changes so that all
// adds up is noticed against a checkpoint and against the worker's log.
func TestTamperingIsNoticed(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	k.simulator("--fault=503:5%", "--fault-retry-after=0.1")
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.sample(200)))
	log := k.ok("worker", "--drain", "--log-format=json").stderr
	k.ok("audit", "checkpoint", "-o", "checkpoint.jsonl")
	if r := k.ok("audit", "verify", run, "--against", k.write("worker.log", log)); !strings.HasPrefix(r.stdout, "All is as it was recorded: 1 run, 200 rows, ") ||
		!strings.HasSuffix(r.stdout, "; 1 held against exported digests.\n") {
		t.Errorf("got %s", r)
	}
	if told := k.ok("audit", "export", "--run", run, "--format=jsonl").stderr; !strings.HasPrefix(told, "The chain of the run ends at commit ") {
		t.Errorf("an export says %q", told)
	}
	k.ok("audit", "verify", "--month", run[:6], "--against", "checkpoint.jsonl")
	if r := k.run("audit", "verify", run, "--against", "none.jsonl"); r.code != 2 {
		t.Errorf("got %s", r)
	}

	rewrite(t, db,
		`UPDATE audit_event SET response_body = 'never' WHERE run = `+run+` AND row = 7 AND final`,
		`DELETE FROM audit_event WHERE run = `+run+` AND row = 9 AND final`,
		`INSERT INTO audit_event (run, row, outcome) VALUES (`+run+`, 11, 'unknown')`,
		`UPDATE status_update SET user_principal_name = 'eve@contoso.com' WHERE run = `+run+` AND row = 13`)
	k.verified([]string{run},
		"row 7, commit ", ": altered: the event applied of the attempt ",
		"row 9, commit ", ": missing: an event that the commit recorded",
		"row 11: inserted: the event unknown, which no commit recorded",
		"row 1: altered: what one of the rows 1 to 1000 asks for is not what was imported",
	)

	// The whole run, and no trace of it.
	var away []string
	for _, table := range []string{"audit_event", "audit_commit", "status_update", "run_count"} {
		away = append(away, `DELETE FROM `+table)
	}
	rewrite(t, db, append(away, `DELETE FROM run`)...)
	k.ok("audit", "verify")
	k.verified([]string{"--against", "checkpoint.jsonl"}, "run "+run+": missing: the run was exported before, and is gone")
	k.verified([]string{run, "--against", "worker.log"}, "run "+run+": missing: the run was exported before, and is gone")
	if info, err := os.Stat(filepath.Join(k.dir, "checkpoint.jsonl")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A month that is over is purged by the tables' owner and by nobody else; what comes after it is not harmed.
func TestPurgeByCommand(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	k.simulator()
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.sample(50)))
	k.ok("worker", "--drain")
	// The run is moved to a month long ago, as if time had passed.
	rewrite(t, db, `SELECT make_month(202001)`,
		`UPDATE run SET id = 202001000001`, `UPDATE run_count SET run = 202001000001`, `UPDATE status_update SET run = 202001000001`,
		`UPDATE audit_event SET run = 202001000001`, `UPDATE audit_commit SET run = 202001000001`)
	next := enqueued(k, k.ok("enqueue", "csv", "--output=json", "--again", k.sample(40)))
	if r := k.ok("audit", "runs"); !strings.Contains(r.stdout, "202001000001") || !strings.Contains(r.stdout, next) || next == run {
		t.Fatalf("got %s", r)
	}
	k.ok("worker", "--drain")
	results := k.ok("audit", "results", next, "-o", "-").stdout

	k.env["DATABASE_URL"] = member(t, db, "graphpatch_audit").Config().ConnString()
	if r := k.run("audit", "purge", "--before", "202002"); r.code != 1 || !strings.Contains(r.stderr, "the user who owns the tables") {
		t.Errorf("as an auditor: %s", r)
	}
	k.env["DATABASE_URL"] = db.URL
	if r := k.run("audit", "purge", "--before", "202013"); r.code != 2 {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "purge", "--before", "202002"); r.stdout != "202001: 1 run\nPurged the rows and events of 1 run in 1 month.\n" {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "purge", "--before", "202002"); r.stdout != "Nothing to purge.\n" {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "show", "202001000001"); !strings.Contains(r.stdout, "purged    rows and events, ") {
		t.Errorf("got %s", r)
	}
	if got := k.ok("audit", "results", next, "-o", "-").stdout; got != results {
		t.Errorf("the month after: %s", got)
	}
	if r := k.ok("audit", "verify"); !strings.Contains(r.stdout, "2 runs, 40 rows, ") || !strings.HasSuffix(r.stdout, "; 1 of purged runs.\n") {
		t.Errorf("got %s", r)
	}
}

// A person's values are removed, by the tables' owner alone, and all verifies as before.
func TestEraseByCommand(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	k.simulator()
	const anna = "anna@contoso.com"
	file := k.write("people.csv", "deviceConfigurationId,id,status,userPrincipalName,note\nc,u1,compliant,"+anna+",x\nc,u2,compliant,bob@contoso.com,x\n")
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", "--hold", file))
	if r := k.run("audit", "erase", "--user", anna); r.code != 1 || !strings.Contains(r.stderr, "run "+run+" has rows of this user and is held") {
		t.Errorf("while the run is held: %s", r)
	}
	k.ok("enqueue", "release", run)
	k.ok("worker", "--drain")
	k.ok("audit", "checkpoint", "-o", "checkpoint.jsonl")
	k.env["DATABASE_URL"] = member(t, db, "graphpatch_audit", "graphpatch_worker", "graphpatch_enqueue").Config().ConnString()
	if r := k.run("audit", "erase", "--user", anna); r.code != 1 || !strings.Contains(r.stderr, "the user who owns the tables") {
		t.Errorf("as somebody else: %s", r)
	}
	k.env["DATABASE_URL"] = db.URL
	for _, args := range [][]string{{"--user", "anna"}, {"--user", anna, "--reason", "Anna@contoso.com asked"}} {
		if r := k.run("audit", append([]string{"erase"}, args...)...); r.code != 2 {
			t.Errorf("%v: %s", args, r)
		}
	}
	// The canary's read showed her as well.
	if r := k.ok("audit", "erase", "--user", anna, "--reason", "request 1"); r.stdout != "Removed the values from 1 row and 2 events in 1 run.\n" {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "events", "--limit=0", "--bodies", "--output=json"); strings.Contains(r.stdout, "anna") || !strings.Contains(r.stdout, "bob@contoso.com") {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "verify", "--against", "checkpoint.jsonl"); !strings.HasSuffix(r.stdout, "; 1 held against exported digests; 3 without a person's values, as events say.\n") {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "results", run, "-o", "-"); !strings.Contains(r.stdout, "\nc,u1,,,,1,2,applied,") || !strings.Contains(r.stdout, "\nc,u2,compliant,bob@contoso.com,x,2,3,applied,") {
		t.Errorf("got %s", r)
	}
	if r := k.ok("audit", "erase", "--user", anna); r.stdout != "There is nothing of this user.\n" {
		t.Errorf("got %s", r)
	}
}

// What a person's names become in bodies is found again by whoever has the key, and by nobody else.
func TestBodiesWithoutNames(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator()
	const anna = "anna@contoso.com"
	file := k.write("people.csv", "deviceConfigurationId,id,status,userPrincipalName\nc,u1,compliant,"+anna+"\n")
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", file))
	if r := k.run("worker", "--drain", "--store-bodies=redacted"); r.code != 2 || !strings.Contains(r.stderr, "GRAPHPATCH_PSEUDONYM_KEY") {
		t.Errorf("without a key: %s", r)
	}
	k.env["GRAPHPATCH_PSEUDONYM_KEY"] = "a key that only the test has"
	k.ok("worker", "--drain", "--store-bodies=redacted")
	pseudonym := strings.TrimSpace(k.ok("audit", "pseudonym", "Anna@contoso.com").stdout)
	r := k.ok("audit", "events", "--run", run, "--limit=0", "--bodies", "--output=json")
	if n := strings.Count(r.stdout, `\"userPrincipalName\":\"`+pseudonym+`\"`); n < 3 || strings.Contains(r.stdout, `\"`+anna) {
		t.Errorf("%d bodies have %s: %s", n, pseudonym, r)
	}
	if strings.Contains(r.String(), k.env["GRAPHPATCH_PSEUDONYM_KEY"]) {
		t.Error("the key is shown")
	}
	k.ok("audit", "verify")
}
