package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// statusesOf is a CSV of that many users in two configurations, of which the first ones are to be compliant, and the others
// in error.
func statusesOf(rows, compliant int) string {
	var b strings.Builder
	b.WriteString("deviceConfigurationId,userStatusId,status\n")
	for i := range rows {
		status := "error"
		if i < compliant {
			status = "compliant"
		}
		fmt.Fprintf(&b, "conf-%d,user-%04d,%s\n", i%2, i, status)
	}
	return b.String()
}

// newPlanKit is an installation whose Graph has that many users' statuses, all in error. What is enqueued from here on is
// read first.
func newPlanKit(t *testing.T, rows int, simulator ...string) (k *kit, b books, root string) {
	t.Helper()
	k, db := newTestKit(t)
	root = k.simulator(simulator...)
	k.ok("enqueue", "csv", k.write("before.csv", statusesOf(rows, 0)))
	k.ok("worker", "--drain")
	k.readsFirst = true
	b = books{k, db.Conn(t)}
	b.pass()
	return k, b, root
}

// pass has the runs that are over be so for a minute: what they sent a moment ago may not be seen by a read yet.
func (b books) pass() {
	b.k.tb.Helper()
	b.exec(`UPDATE run SET finished_at = finished_at - interval '1 minute'`)
}

// The story of a run that is read first: it sends what differs, and the same file again sends nothing.
func TestReadFirst(t *testing.T) {
	t.Parallel()
	const rows, changed = 300, 40
	k, b, root := newPlanKit(t, rows, "--page-size=100")
	file := k.write("after.csv", statusesOf(rows, changed))
	before := len(patches(k, root))
	r := k.ok("enqueue", "csv", file)
	if !strings.Contains(r.stdout, "read first; what is not as it is wanted is sent") {
		t.Error(r)
	}
	if r := k.ok("worker", "--drain"); !strings.Contains(r.stdout, "40 applied, 0 rejected, 0 failed, 260 unchanged") {
		t.Error(r)
	}
	if n := len(patches(k, root)) - before; n != changed {
		t.Errorf("%d updates were sent, want %d", n, changed)
	}
	b.pass()
	k.ok("enqueue", "csv", "--again", file)
	if r := k.ok("worker", "--drain"); !strings.Contains(r.stdout, "0 applied, 0 rejected, 0 failed, 300 unchanged") {
		t.Error(r)
	}
	if n := len(patches(k, root)) - before; n != changed {
		t.Errorf("%d updates were sent for the same again", n-changed)
	}
}

// A plan is looked at before it is sent, row by row if that is wanted.
func TestPlanForAPerson(t *testing.T) {
	t.Parallel()
	const rows, changed = 60, 6
	k, _, root := newPlanKit(t, rows)
	run := enqueued(k, k.ok("enqueue", "csv", "--plan", "--output=json", k.write("after.csv", statusesOf(rows, changed))))
	if r := k.run("audit", "plan", run, "-o", "-"); r.code != 1 || !strings.Contains(r.stderr, "still being planned") {
		t.Error(r)
	}
	before := len(patches(k, root))
	if r := k.run("worker", "--drain"); r.code != 1 || !strings.Contains(r.stdout, "held: planned: 54 unchanged, 6 to change") {
		t.Error(r)
	}
	show := k.ok("audit", "show", run).stdout
	for _, want := range []string{
		"54 unchanged, 6 to change; sending the 6 rows that are open takes about", "CONFIGURATION", `"error" → "compliant" (3 rows from row 1 on)`, "audit plan " + run,
	} {
		if !strings.Contains(show, want) {
			t.Errorf("no %q in\n%s", want, show)
		}
	}
	plan := filepath.Join(k.dir, "plan.csv")
	k.ok("audit", "plan", run, "-o", plan)
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != rows+1 || strings.Count(string(text), ",unchanged,,") != rows-changed {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
	if want := `1,2,conf-0,plain,,user-0000,change,status,"{""userDisplayName"":null,""devicesCount"":0,""status"":""error""`; !strings.HasPrefix(lines[1], want) {
		t.Errorf("got %s\nwant %s…", lines[1], want)
	}
	if n := len(patches(k, root)) - before; n != 0 {
		t.Errorf("%d updates were sent before the release", n)
	}
	k.ok("enqueue", "release", run)
	if r := k.ok("worker", "--drain"); !strings.Contains(r.stdout, "6 applied") {
		t.Error(r)
	}
	results := filepath.Join(k.dir, "results.csv")
	k.ok("audit", "results", run, "-o", results)
	if text, err = os.ReadFile(results); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `""status"":""error""`); n != rows+rows-changed {
		t.Errorf("the status before is shown %d times, the unchanged ones after it too:\n%s", n, text)
	}
	if r := k.run("audit", "plan", enqueued(k, k.ok("enqueue", "csv", "--blind", "--hold", "--again", "--output=json", k.write("b.csv", statusesOf(1, 0)))), "-o", "-"); r.code != 1 || !strings.Contains(r.stderr, "blind") {
		t.Error(r)
	}
}

// A worker is killed in the middle of a plan; the next one goes on at the page where it stood. No row is planned twice and
// none is left out.
func TestKilledWhilePlanning(t *testing.T) {
	t.Parallel()
	const rows, changed = 600, 60
	k, b, root := newPlanKit(t, rows, "--page-size=3", "--latency=10ms")
	before := len(patches(k, root))
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.write("after.csv", statusesOf(rows, changed))))
	for n := 1; n <= 2; n++ {
		worker := k.start(nil, "worker")
		k.until("pages are read", func() bool {
			return b.count(`SELECT count(*) FROM plan WHERE run = $1 AND pages >= $2 AND done_at IS NULL`, run, n*20) == 2
		})
		worker.end(syscall.SIGKILL)
		// What the clock would do in a minute.
		for _, sql := range []string{
			`UPDATE river_job SET attempted_at = attempted_at - interval '2 min' WHERE state = 'running'`, `DELETE FROM river_leader`,
		} {
			if _, err := b.conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := k.ok("worker", "--drain"); !strings.Contains(r.stdout, "60 applied, 0 rejected, 0 failed, 540 unchanged") {
		t.Error(r)
	}
	if n := b.count(`
		SELECT count(*) FROM (SELECT row FROM audit_event WHERE run = $1 AND row > 0 AND method = 'GET' AND url IS NULL GROUP BY row HAVING count(*) > 1) twice`, run); n != 0 {
		t.Errorf("%d rows were planned twice", n)
	}
	if n := b.count(`SELECT sum(unchanged + differ) FROM plan WHERE run = $1`, run); n != rows {
		t.Errorf("%d rows were planned, want %d", n, rows)
	}
	if n := len(patches(k, root)) - before; n != changed {
		t.Errorf("%d updates were sent, want %d", n, changed)
	}
	// Only what was on its way at a kill was read twice.
	pages, again := b.count(`SELECT sum(pages) FROM plan WHERE run = $1`, run), 0
	for _, r := range get[request](k, root+"/_sim/requests") {
		if r.Method == "GET" && strings.HasSuffix(r.Path, "/userStatuses") {
			again++
		}
	}
	if again -= pages; again > 4 {
		t.Errorf("%d pages were read again after 2 kills", again)
	}
}
