package audit

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func (r *Replay) plan(w *world, columns, from, condition string) string {
	w.t.Helper()
	sql, args := r.query(columns, from, condition)
	rows, err := r.tx.Query(w.t.Context(), `EXPLAIN (COSTS OFF) `+sql, args)
	w.must(err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.must(err)
	return strings.Join(lines, "\n")
}

// replayGathers is gathers without Sort: the few events of one row are sorted, in a step inside.
var replayGathers = regexp.MustCompile(`(^ *Sort|Hash|Merge|Materialize|Memoize|Gather|Bitmap|Seq Scan)[^\n]*`)

// As for results, whatever the number of rows: they come out of the indexes in order, and so does what is later than they are.
func TestReplayGathersNothing(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	other := w.enqueue(contoso, "other.csv", update{configuration, "s2", ""})
	w.rewrite(`INSERT INTO status_update (run, row, line, target, route, device_configuration_id, user_status_id, asks, devices_count)
		SELECT r, n, n + 1, md5(n::text)::uuid, 'plain', 'c', 's' || n, 2, n FROM generate_series(2, 60000) n, unnest(ARRAY[$1::bigint, $2]) r`, run, other)
	w.rewrite(`INSERT INTO audit_event (run, row, outcome, final, method, error)
		SELECT r, n, CASE WHEN n % 500 = 0 THEN 'rejected' ELSE 'applied' END, true, 'PATCH', 'x' FROM generate_series(1, 60000) n, unnest(ARRAY[$1::bigint, $2]) r`, run, other)
	w.must(w.ledger.Hold(t.Context(), run, "bob", ""))
	for _, known := range []bool{false, true} {
		if known {
			w.exec(`ANALYZE`)
		}
		for _, outcomes := range [][]string{nil, {"applied"}, {"rejected", "open"}, {"open"}, {"throttled"}, {"all"}} {
			r, err := w.audit.OpenReplay(t.Context(), replayOf(run, outcomes...))
			w.must(err)
			plans := map[string]string{"replay": r.plan(w, "", "", ""), "revert": r.plan(w, revertColumns, revertFrom, revertWhere)}
			r.Close(t.Context())
			for name, plan := range plans {
				if found := replayGathers.FindString(plan); found != "" {
					t.Errorf("statistics %t, %s of %q: %s\n%s", known, name, outcomes, found, plan)
				}
			}
			if known && outcomes == nil && !strings.Contains(plans["replay"], "Filter: final\n") {
				t.Errorf("failures are not found by their index:\n%s", plans["replay"])
			}
		}
	}
	if got := strings.Count(w.replayed(replayOf(run)), "rejected without devicesCount"); got != 0 {
		t.Errorf("%d rows are kept out by rows that were rejected", got)
	}
	if got := strings.Count(w.replayed(replayOf(run, "applied")), "left out"); got != 59_879 {
		t.Errorf("%d rows are left out, want all but the first and the rejected", got)
	}
}
