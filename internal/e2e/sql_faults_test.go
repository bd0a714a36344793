package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestQueriesThatBringNothing tells each fault of a query in a word and with its exit code. Nothing is enqueued, nothing stays
// on the disk, and of the database's password, wherever it stands, nothing is said or kept.
func TestQueriesThatBringNothing(t *testing.T) {
	t.Parallel()
	source := postgresInventory(t)
	k, db := newTestKit(t)
	k.env["TMPDIR"] = filepath.Join(k.dir, "tmp")
	if err := os.Mkdir(k.env["TMPDIR"], 0o700); err != nil {
		t.Fatal(err)
	}
	insert, _ := devices(20)
	source.exec(deviceTable + insert)
	source.exec(`CREATE SCHEMA hidden; CREATE TABLE hidden.device (n int)`)
	known := secrets{"password": source.secret}
	k.env["INVENTORY"] = source.url
	k.env["WRONG"] = strings.Replace(source.url, "@", "x@", 1)
	k.env["AWAY"] = asUser(t, "postgres://127.0.0.1:1/inventory", "anna", source.secret)
	k.env["EMPTY"] = ""
	known["wrong password"] = source.secret + "x"
	const query, from = "SELECT * FROM device", "--source=env:INVENTORY"
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{query}, 2, "--source"},
		{[]string{from}, 2, "give either a query or --query-file"},
		{[]string{from, query, "--query-file=x.sql"}, 2, "give either a query or --query-file"},
		{[]string{from, "--query-file=none.sql"}, 2, "no such file"},
		{[]string{from, "--query-file=" + k.write("long.sql", strings.Repeat("-", 65<<10))}, 2, "is longer than 65536 bytes"},
		{[]string{"--source=" + source.url, query}, 2, "a URL with a password would be seen by everybody"},
		{[]string{"--source=env:EMPTY", query}, 2, `the environment variable "EMPTY" is not set`},
		{[]string{"--source=file:none", query}, 2, "no such file"},
		{[]string{"--source=file:" + k.write("url", "oracle://anna:"+source.secret+"@db"), query}, 2, "begins with none of"},
		{[]string{from, "--time-zone=Berlin", query}, 2, `"Berlin" is no time zone`},
		{[]string{from, "--query-timeout=1ms", query}, 2, "use 1s or more"},
		{[]string{from, "--priority=5", query}, 2, "--priority 5"},
		{[]string{from, "SELEKT 1"}, 2, `line 1, column 1 of the query: syntax error at or near "SELEKT". Nothing was enqueued`},
		{[]string{from, "SELECT $1::int"}, 2, "the query takes 1 of --param, 0 given"},
		{[]string{from, "DELETE FROM device RETURNING n"}, 2, "would write"},
		{[]string{from, "SELECT * FROM hidden.device"}, 1, "has no right to that: permission denied for schema hidden. Nothing was enqueued"},
		{[]string{from, "--query-timeout=1s", "SELECT pg_sleep(60)"}, 1, "took longer than 1s"},
		{[]string{"--source=env:WRONG", query}, 1, "refuses the user"},
		{[]string{"--source=env:AWAY", query}, 1, "127.0.0.1:1/inventory: the database cannot be reached"},
		{[]string{from, query}, 2, "has no column deviceConfigurationId"},
		{[]string{from, "--map=configuration=deviceConfigurationId", "--map=serial=id", "--map=reported=lastReportedDateTime", query}, 2, "column reported: has the type timestamp without time zone, which has no time zone: say which one is meant with --time-zone"},
		{[]string{from, deviceFlags[0], deviceFlags[1], "--time-zone=UTC", "SELECT d.*, CASE WHEN n % 7 = 3 THEN 'Compliant' ELSE 'error' END AS status FROM device d ORDER BY n"}, 2, `row 11, column status: "Compliant" is no complianceStatus: write compliant`},
	} {
		r := k.run("enqueue", append([]string{"sql"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%.200q: want exit code %d and %q: %s", c.args, c.code, c.says, r)
		}
		if names := known.in(r.String()); len(names) > 0 {
			t.Errorf("%.40q: %v is shown: %s", c.args, names, r)
		}
	}
	if n := len(runs(k)); n != 0 {
		t.Errorf("%d runs were enqueued", n)
	}
	// And when all is well, with a query that takes a parameter.
	args := append([]string{"sql", from, "--param=INC, 1%", "--time-zone=UTC", "SELECT serial, configuration, compliance AS status FROM device WHERE ticket LIKE $1 AND compliance IS NOT NULL ORDER BY n"}, deviceFlags...)
	dry := k.ok("enqueue", append(args, "--dry-run")...)
	if !strings.Contains(dry.stdout, "for 3 configurations on 1 route (postgres, query sha256 ") {
		t.Errorf("dry run: %s", dry)
	}
	skipped := filepath.Join(k.dir, "skipped.csv")
	bad := strings.Replace(args[4], "compliance AS", "CASE WHEN n = 13 THEN 'wrong' ELSE compliance END AS", 1)
	args[4] = bad
	run := enqueued(k, k.ok("enqueue", append(args, "--output=json", "--skip-invalid="+skipped)...))
	if text := string(readFile(t, skipped)); !strings.HasPrefix(text, "serial,configuration,status,row,fault\ns13,c1,wrong,") {
		t.Errorf("skipped rows:\n%s", text)
	}
	shown := k.ok("audit", "show", run)
	if !strings.Contains(shown.stdout, "postgres localhost/") || !strings.Contains(shown.stdout, "1 parameter,") || strings.Contains(shown.stdout, "INC, 1%") {
		t.Errorf("%s", shown)
	}
	everything := fmt.Sprint(dry, shown, k.ok("audit", "show", run, "--output=json"), everyTable(t, db.Conn(t)))
	if names := known.in(everything); len(names) > 0 {
		t.Errorf("%v was kept or shown", names)
	}
	if left, err := os.ReadDir(k.env["TMPDIR"]); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What a query returns passes through memory row by row, on each server.
func TestQueriesTakeLittleMemory(t *testing.T) {
	t.Parallel()
	const rows = 200_000 // of 300 bytes: 60 MB
	for name, generated := range map[string]string{
		"Postgres": fmt.Sprintf(`SELECT 'c' AS "deviceConfigurationId", 's' || n AS id, 'error' AS status, repeat('x', 300) AS note FROM generate_series(1, %d) n`, rows),
		"MariaDB":  fmt.Sprintf(`SELECT 'c' AS deviceConfigurationId, concat('s', seq) AS id, 'error' AS status, repeat('x', 300) AS note FROM seq_1_to_%d`, rows),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			k.env["INVENTORY"] = inventories[name](t).url
			k.env["GRAPHPATCH_DATA_DIR"] = filepath.Join(k.dir, "none")
			few := k.ok("enqueue", "sql", "--source=env:INVENTORY", "--dry-run", generated+" LIMIT 20000")
			all := k.ok("enqueue", "sql", "--source=env:INVENTORY", "--dry-run", generated)
			if !strings.Contains(all.stdout, "200,000 rows for 1 configuration") || all.peak > max(few.peak, ownPeak())+30<<20 {
				t.Errorf("%d MiB for 20,000 rows, %d MiB for all: %s", few.peak>>20, all.peak>>20, all)
			}
		})
	}
}
