package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What enqueue says of the time, as things come before its rows.
func TestOutlook(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	k.env["GRAPH_WRITE_LIMIT"] = "100/20s"
	conn := db.Conn(t)
	first, second, third := k.sample(100), k.write("two.csv", twoRows("x", "y")), k.write("two-more.csv", twoRows("v", "w"))
	const unserved = "warning: no worker serves tenant " + tenant + " now: the rows wait until one is started\n"
	dry := k.ok("enqueue", "csv", "--dry-run", first)
	if !strings.Contains(dry.stdout, "\nAt 100/20s they take 20.2s.\n") || dry.stderr != "" {
		t.Errorf("a dry run with nothing ahead: %s", dry)
	}
	report := k.ok("enqueue", "csv", first)
	if !strings.Contains(report.stdout, ", about 20.2s at 100/20s.\n") || report.stderr != unserved {
		t.Errorf("the report of the first run: %s", report)
	}
	k.exec(conn, `INSERT INTO river_queue (name) VALUES ('tenant_`+strings.ReplaceAll(tenant, "-", "")+`')`)
	report = k.ok("enqueue", "csv", second)
	if !strings.Contains(report.stdout, ", about 400ms at 100/20s, after 33 rows of 1 other run (6.7s).\n") || report.stderr != "" {
		t.Errorf("the report of a run that takes turns with another: %s", report)
	}
	k.exec(conn, `SELECT budget_open('`+tenant+`', 'app', 'write', '100/20s', '2 s')`)
	k.exec(conn, `UPDATE budget SET asked = true, paused_until = clock_timestamp() + interval '1 h'`)
	want := regexp.MustCompile(`\nAt 100/20s they take about 4s, after 5 rows of 2 other runs \(10s\) and a pause until \d\d:\d\d:\d\d \(1h\)\.\n`)
	if dry = k.ok("enqueue", "csv", "--dry-run", third); !want.MatchString(dry.stdout) {
		t.Errorf("a dry run with a pause and two runs ahead: %s", dry)
	}
	if dry = k.ok("enqueue", "csv", "--dry-run", "--priority=1", third); strings.Contains(dry.stdout, "other run") {
		t.Errorf("a dry run of a higher priority: %s", dry)
	}
	checkDryJSON(k, third)
	k.env["DATABASE_URL"] = "postgres://nobody:secret@127.0.0.1:1/nowhere"
	dry = k.ok("enqueue", "csv", "--dry-run", third)
	if !strings.Contains(dry.stdout, "\nAt 100/20s they take 400ms.\n") || !strings.Contains(dry.stderr, "warning: ") || strings.Contains(dry.stderr, "secret") {
		t.Errorf("a dry run whose database does not answer: %s", dry)
	}
	k.env["DATABASE_URL"], k.env["GRAPHPATCH_DATA_DIR"] = "", filepath.Join(k.dir, "nowhere")
	dry = k.ok("enqueue", "csv", "--dry-run", third)
	if _, err := os.Stat(k.env["GRAPHPATCH_DATA_DIR"]); !os.IsNotExist(err) || dry.stderr != "" {
		t.Errorf("a dry run without a database: %v, %s", err, dry)
	}
}

func twoRows(first, second string) string {
	return "deviceConfigurationId,id,status\nc," + first + ",compliant\nc," + second + ",compliant\n"
}

func (k *kit) exec(conn *pgx.Conn, sql string) {
	k.tb.Helper()
	if _, err := conn.Exec(k.tb.Context(), sql); err != nil {
		k.tb.Fatal(err)
	}
}

func checkDryJSON(k *kit, file string) {
	k.tb.Helper()
	dry := k.ok("enqueue", "csv", "--dry-run", "--output=json", file)
	var got struct {
		RowsAhead  int
		ETASeconds float64
	}
	if err := json.Unmarshal([]byte(dry.stdout), &got); err != nil {
		k.tb.Fatal(err)
	}
	if got.RowsAhead != 5 || got.ETASeconds < 3500 || got.ETASeconds > 3600+14 {
		k.tb.Errorf("a dry run for a program: %s", dry)
	}
}

// Who waits for a run sees why it gets no further.
func TestWaitSaysWhy(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	k.ok("enqueue", "csv", k.sample(100))
	waiting := k.start(nil, "enqueue", "csv", "--wait", "--priority=3", k.write("two.csv", twoRows("x", "y")))
	k.until("enqueue says that nobody works", func() bool {
		return strings.Contains(waiting.stderr.String(), "0 of 2 rows settled; no worker serves tenant "+tenant+" now; waits for run ")
	})
	conn := db.Conn(t)
	k.exec(conn, `SELECT budget_open('`+tenant+`', 'app', 'write', '100/20s', '2 s')`)
	k.exec(conn, `UPDATE budget SET down = true, paused_until = clock_timestamp() + interval '1 h'`)
	k.exec(conn, `INSERT INTO river_queue (name) VALUES ('tenant_`+strings.ReplaceAll(tenant, "-", "")+`')`)
	want := regexp.MustCompile(`0 of 2 rows settled; 1h3m to go; paused until \d\d:\d\d:\d\d, \w+, because nothing gets through; waits for run \d+ \(priority 2\), 100 rows\n`)
	k.until("enqueue says that the tenant is paused", func() bool { return want.MatchString(waiting.stderr.String()) })
	if n := strings.Count(waiting.stderr.String(), "warning: no worker"); n != 1 {
		t.Errorf("warned %d times:\n%s", n, waiting.stderr)
	}
}
