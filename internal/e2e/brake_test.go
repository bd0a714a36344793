package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// books looks into a kit's database.
type books struct {
	k    *kit
	conn *pgx.Conn
}

func (b books) count(sql string, args ...any) (n int) {
	b.k.tb.Helper()
	if err := b.conn.QueryRow(b.k.tb.Context(), sql, args...).Scan(&n); err != nil {
		b.k.tb.Fatal(err)
	}
	return n
}

func (b books) exec(sql string) {
	b.k.tb.Helper()
	if _, err := b.conn.Exec(b.k.tb.Context(), sql); err != nil {
		b.k.tb.Fatal(err)
	}
}

// quiet waits until nothing is in flight and returns how many requests came more than a second after that instant.
func (b books) quiet(root string, since time.Time) (late int) {
	b.k.tb.Helper()
	b.k.until("nothing is in flight", func() bool { return b.count(`SELECT count(*) FROM in_flight`) == 0 })
	for _, r := range patches(b.k, root) {
		if r.At.Sub(since) > time.Second {
			late++
		}
	}
	return late
}

// says fails the test unless the program ended with that code and said all of that.
func says(t *testing.T, r ran, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("want exit code %d: %s", code, r)
	}
	for _, w := range words {
		if !strings.Contains(r.stdout+r.stderr, w) {
			t.Errorf("it does not say %q: %s", w, r)
		}
	}
}

// Two workers in the middle of a run: within a second of the end of each command nothing of the run leaves either of them,
// and whatever left is recorded.
func TestBrakeReachesEveryProcess(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	root := k.simulator("--latency=30ms", "--jitter=30ms")
	k.env["GRAPH_WRITE_LIMIT"] = "800/20s"
	file := k.sample(6500) // more slices than one worker works at once
	run := enqueued(k, k.ok("enqueue", "csv", "--hold", "--output=json", file))
	says(t, k.ok("enqueue", "release", run), 0, "Run "+run+" is released: 0 of 6,500 rows settled; 6,500 rows open.", "warning: run "+run, "no worker serves tenant "+tenant)
	workers := []*process{k.start(nil, "worker"), k.start(nil, "worker")}
	for _, step := range []struct{ command, state string }{{"hold", "held"}, {"cancel", "cancelled"}} {
		before := b.count(`SELECT settled FROM run_count`)
		k.until("both workers are at it", func() bool {
			return b.count(`SELECT count(DISTINCT worker) FROM in_flight`) == 2 && b.count(`SELECT settled FROM run_count`) > before+40
		})
		says(t, k.ok("enqueue", step.command, run, "--reason=look"), 0, "Run "+run+" is "+step.state)
		if late := b.quiet(root, time.Now()); late > 0 {
			t.Errorf("%s: %d requests came more than a second later", step.command, late)
		}
		if sent, events := len(patches(k, root)), b.count(`SELECT count(*) FROM audit_event WHERE method = 'PATCH'`); sent != events {
			t.Errorf("%s: %d events of %d requests", step.command, events, sent)
		}
		says(t, k.ok("enqueue", step.command, run), 0, "Run "+run+" is "+step.state+" already")
		if step.command == "hold" {
			says(t, k.ok("enqueue", "release", run), 0, "is released", "rows open.")
		}
	}
	settled := b.count(`SELECT settled FROM run_count`)
	never := fmt.Sprintf("%d rows settled, %s were never sent", 6500, thousands(6500-settled))
	says(t, k.ok("audit", "show", run), 0, "cancelled: look", strings.Replace(never, "6500", "6,500", 1))
	says(t, k.ok("audit", "runs"), 0, thousands(6500-settled)+" rows not sent any more")
	if events := b.count(`SELECT count(*) FROM audit_event WHERE row = 0 AND outcome = 'cancelled'`); events != 1 || settled == 6500 {
		t.Errorf("%d events for the %d rows that the cancel settled", events, 6500-settled)
	}
	for _, w := range workers {
		if code := w.end(syscall.SIGTERM); code != 0 {
			t.Errorf("a worker ended with %d:\n%s", code, w.stderr)
		}
	}
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// Several runs at once, in every state: each is done for itself, and told in a sentence.
func TestBrakeOnRunsInEveryState(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator()
	file := k.write("users.csv", "deviceConfigurationId,id,status\nc,1,compliant\n")
	enqueue := func(args ...string) string {
		return enqueued(k, k.ok("enqueue", append([]string{"csv", "--again", "--output=json", file}, args...)...))
	}
	finished := enqueue()
	k.ok("worker", "--drain")
	running, held, cancelled := enqueue(), enqueue("--hold"), enqueue()
	k.ok("enqueue", "cancel", cancelled)

	says(t, k.run("enqueue", "hold", running, held), 0, "Run "+running+" is held: 0 of 1 row settled; 1 row open.\n", "Run "+held+" is held already: enqueued on hold.\n")
	says(t, k.run("enqueue", "hold", finished, cancelled), 2, "run "+finished+" is finished and cannot be held", "run "+cancelled+" is cancelled and cannot be held")
	says(t, k.run("enqueue", "release", finished, running, "202601999999"), 2,
		"run "+finished+" is finished and cannot be released", "Run "+running+" is released", "run 202601999999: no such run")
	says(t, k.run("enqueue", "release", running), 0, "Run "+running+" is running already.")
	says(t, k.run("enqueue", "release", cancelled), 2, "run "+cancelled+" is cancelled and cannot be released")
	says(t, k.run("enqueue", "cancel", running, held, finished), 2, "Run "+running+" is cancelled: 0 of 1 row settled; 1 row not sent any more.\n",
		"Run "+held+" is cancelled", "run "+finished+" is finished and cannot be cancelled")
	says(t, k.run("enqueue", "cancel", held), 0, "Run "+held+" is cancelled already.")
	says(t, k.run("enqueue", "hold", "7"), 2, "no run number")
	says(t, k.run("enqueue", "hold"), 2, "run")
}

// Three failures hold the run: who waits is told, a drain ends and names what waits for a person, last and with the command
// that releases it; and the audit has one line for them.
func TestFailuresHoldTheRun(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator("--fault=404:status=gone", "--fault=503-bare:method=PATCH:first=1:status=later")
	var rows strings.Builder
	rows.WriteString("deviceConfigurationId,id,status\nc,first,compliant\nc1,gone,compliant\nc2,gone,compliant\nc3,gone,compliant\n")
	for i := range 300 { // three seconds' worth, so that the run is not over before it is held
		fmt.Fprintf(&rows, "c,%d,compliant\n", i)
	}
	k.env["GRAPH_WRITE_LIMIT"] = "2000/20s"
	gone := k.write("gone.csv", rows.String())
	later := k.write("later.csv", "deviceConfigurationId,id,status\nc,later,compliant\n")
	worker := k.start(nil, "worker")
	waited := k.run("enqueue", "csv", "--wait", "--max-failures=3", gone)
	run := held(k)
	const reason = "3 rows rejected or failed (the limit is 3): 3 × 404 ResourceNotFound: "
	says(t, waited, 1, "is held: "+reason, `"enqueue release `+run+`" lets it go on`)
	if code := worker.end(syscall.SIGTERM); code != 0 || strings.Count(worker.stderr.String(), "run held: "+reason) != 1 {
		t.Errorf("the worker ended with %d:\n%s", code, worker.stderr)
	}
	var shown struct {
		MaxFailures string
		Failures    []struct{ Rows, Status int }
		Events      []struct{ Outcome, Actor, Reason string }
	}
	if err := json.Unmarshal([]byte(k.ok("audit", "show", run, "--output=json").stdout), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.MaxFailures != "3" || len(shown.Failures) != 1 || shown.Failures[0].Rows != 3 || len(shown.Events) != 2 || !strings.HasPrefix(shown.Events[1].Reason, reason) {
		t.Errorf("got %+v", shown)
	}
	says(t, k.ok("audit", "show", run), 0, "held: "+reason, "held at 3 rejected or failed rows")

	// The drain waits for the row that comes again, not for the runs that are held; those of before do not make it fail.
	again := enqueued(k, k.ok("enqueue", "csv", "--output=json", later))
	drained := k.run("worker", "--drain")
	says(t, drained, 0, "Run "+again+" is finished: 1 of 1 rows settled, 1 applied")
	lines := strings.Split(strings.TrimSpace(drained.stdout), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "Run "+run+" is held: ") || !strings.Contains(last, `"enqueue release `+run+`" lets it go on`) {
		t.Errorf("the last line of the drain is %q", last)
	}
	says(t, k.ok("enqueue", "release", run), 0, "is released")
	says(t, k.run("worker", "--drain"), 3, "Run "+run+" is finished: 304 of 304 rows settled, 301 applied, 3 rejected")
}

// held is the number of the newest run, which is held.
func held(k *kit) string {
	k.tb.Helper()
	newest := runs(k)[0]
	if newest["state"] != "held" {
		k.tb.Fatalf("the newest run is %v", newest["state"])
	}
	return fmt.Sprintf("%.0f", newest["run"])
}

// A worker is killed among a canary's rows. The next one sends the rest of them and not one more; then a person lets the
// others go.
func TestCanarySurvivesAKill(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	root := k.simulator("--latency=20ms")
	k.env["GRAPH_WRITE_LIMIT"] = "4000/20s"
	file := k.sample(300)
	run := enqueued(k, k.ok("enqueue", "csv", "--canary=120", "--output=json", file))
	first := k.start(nil, "worker")
	k.until("some of the canary's rows are settled", func() bool {
		return b.count(`SELECT settled FROM run_count`) > 20 && b.count(`SELECT count(*) FROM in_flight`) > 0
	})
	first.end(syscall.SIGKILL)
	k.ok("enqueue", "hold", run)
	says(t, k.ok("enqueue", "release", run), 0, "held again when its first 120 rows are settled")
	// What the clock would do in a minute and a half.
	b.exec(`UPDATE river_job SET attempted_at = attempted_at - interval '2 min' WHERE state = 'running'`)
	b.exec(`DELETE FROM river_leader`)
	b.exec(`UPDATE in_flight SET since = since - interval '2 min'`)
	says(t, k.run("worker", "--drain"), 1, "Run "+run+" is held: 120 of 300 rows settled", "canary: 120 rows sent, ", "; a release sends the other 180", "enqueue release "+run)
	if n := b.count(`SELECT count(*) FROM audit_event WHERE row > 120`); n != 0 {
		t.Errorf("%d events of rows behind the canary's", n)
	}
	says(t, k.ok("enqueue", "release", run), 0, "120 of 300 rows settled")
	k.ok("worker", "--drain")
	checkState(k, root, file)
}
