package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// enqueue is killed at instants spread from its start to beyond its usual end: all of the import is there or nothing, and the same file
// can be imported unless it had come in.
func TestEnqueueKilled(t *testing.T) {
	t.Parallel()
	const rows, instants = 10_000, 12
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	k.ok("enqueue", "csv", k.sample(rows)) // the first finds everything cold, and would take longer than those to come
	whole := k.ok("enqueue", "csv", k.sample(rows-1)).wall
	came, killed := 0, 0
	for i := range instants {
		before := b.count(`SELECT count(*) FROM run`)
		file := k.sample(rows - instants - i) // each its own, so that none is a repetition
		p := k.start(nil, "enqueue", "csv", file)
		k.pass(whole * 3 / 2 * time.Duration(i) / (instants - 1))
		if p.end(syscall.SIGKILL) == -1 {
			killed++
		}
		k.until("the server has noticed", func() bool {
			return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%enqueue%'`) == 0
		})
		in := b.count(`SELECT count(*) FROM run`) - before
		b.checkWhole() // what a second import would hide
		r := k.run("enqueue", "csv", file)
		switch {
		case in == 0 && r.code != 0:
			t.Errorf("nothing came in at instant %d, and the file is refused: %s", i, r)
		case in == 1 && (r.code != 2 || !strings.Contains(r.stderr, "--again")):
			t.Errorf("the file came in at instant %d, and is not refused as a duplicate: %s", i, r)
		}
		came += in
		if n := b.count(`SELECT count(*) FROM run`) - before; n != 1 {
			t.Errorf("instant %d: the file makes %d runs, want 1", i, n)
		}
	}
	b.checkWhole()
	if killed == 0 {
		t.Error("no import was killed before it had ended")
	}
	t.Logf("an import takes %s; of %d, %d were killed before their end, %d had come in", whole.Round(time.Millisecond), instants, killed, came)
}

// checkWhole makes sure that runs, counts, rows and the one job with which each begins belong together, and that none of them is there without the others.
func (b books) checkWhole() {
	b.k.tb.Helper()
	if n := b.count(`
		SELECT count(*) FROM (SELECT run, count(*) AS n FROM status_update GROUP BY run) u
		FULL JOIN run ON run.id = u.run
		FULL JOIN run_count c ON c.run = coalesce(u.run, run.id)
		FULL JOIN (SELECT (args->>'run')::bigint AS run, count(*) AS n FROM river_job WHERE kind = 'slice' GROUP BY 1) j
			ON j.run = coalesce(u.run, run.id, c.run)
		WHERE (u.n = c.rows AND run.id IS NOT NULL AND j.n = 1) IS NOT TRUE`); n != 0 {
		b.k.tb.Errorf("%d imports are there in part", n)
	}
}
