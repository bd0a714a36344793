package audit

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// asFile makes a run of enqueue one of a file with the columns that its rows have.
func (w *world) asFile(run int64) {
	w.t.Helper()
	w.exec(`UPDATE run SET source = '{"header": ["c", "id", "n", "upn"], "columns": ["deviceConfigurationId", "userStatusId", "devicesCount", "userPrincipalName"]}'
		WHERE id = $1`, run)
}

// results are those that a filter lets through, copied.
func (w *world) results(f ResultFilter) (all []Result) {
	w.t.Helper()
	w.must(w.audit.Results(w.t.Context(), f, func(d Detail, results iter.Seq2[*Result, error]) error {
		if d.ID != f.Run {
			w.t.Errorf("got run %d", d.ID)
		}
		for r, err := range results {
			if err != nil {
				return err
			}
			kept := *r
			kept.Cells = append([]string(nil), r.Cells...)
			all = append(all, kept)
		}
		return nil
	}))
	return all
}

func short(results []Result) string {
	var all []string
	for _, r := range results {
		all = append(all, fmt.Sprintf("%d %s", r.Row, r.Outcome))
	}
	return strings.Join(all, ", ")
}

// event inserts one as it stands in the history of a row, so many seconds after the hour.
func (w *world) event(run int64, row, second int, outcome, method string, status int, body string) {
	w.t.Helper()
	w.exec(`INSERT INTO audit_event (run, row, outcome, method, status, response_body, sent_at, client_request_id)
		VALUES ($1, $2, $3, nullif($4, ''), nullif($5, 0), convert_to(nullif($6, ''), 'UTF8'), '2026-11-23T10:00:00Z'::timestamptz + make_interval(secs => $7), gen_random_uuid())`,
		run, row, outcome, method, status, body, second)
}

func TestResults(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", "Anna@contoso.com"}, update{configuration, "s2", ""}, update{configuration, "s3", ""},
		update{configuration, "s4", ""}, update{configuration, "s5", ""})
	w.asFile(run)
	w.send(run, 1, "applied", "applied", 200, "")
	w.event(run, 2, 1, "throttled", "PATCH", 429, "")
	w.send(run, 2, "rejected", "rejected", 403, "Forbidden: no")
	w.event(run, 4, 1, "transient", "PATCH", 500, "")
	w.event(run, 4, 2, "transient", "PATCH", 500, "")

	got := w.results(ResultFilter{Run: run})
	want := Result{
		Row: 2, Line: 3, Cells: []string{configuration, "s2", "1", ""}, Outcome: "rejected", Attempts: 2,
		Status: ptr(403), Error: "Forbidden: no", RequestID: "Request-2", Answer: []byte{0xff, 0x00}, SettledAt: got[1].SettledAt,
	}
	if diff := cmp.Diff(got[1], want); diff != "" || got[1].SettledAt.Location() != time.UTC {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if got[0].Cells[3] != "Anna@contoso.com" || got[3].Attempts != 2 || got[3].Status != nil || got[3].SettledAt != nil {
		t.Errorf("got %+v", got)
	}
	for outcomes, want := range map[string]string{
		"":                  "1 applied, 2 rejected, 3 open, 4 open, 5 open",
		"rejected,failed":   "2 rejected",
		"rejected,open":     "2 rejected, 3 open, 4 open, 5 open",
		"cancelled":         "",
		"applied,cancelled": "1 applied",
	} {
		f := ResultFilter{Run: run}
		if outcomes != "" {
			f.Outcomes = strings.Split(outcomes, ",")
		}
		if got := short(w.results(f)); got != want {
			t.Errorf("%s: got %s, want %s", outcomes, got, want)
		}
	}
	w.exec(`UPDATE run SET state = 'cancelled' WHERE id = $1`, run)
	if got := short(w.results(ResultFilter{Run: run})); got != "1 applied, 2 rejected, 3 cancelled, 4 cancelled, 5 cancelled" {
		t.Errorf("of a cancelled run: %s", got)
	}
	if got := short(w.results(ResultFilter{Run: run, Outcomes: []string{"cancelled"}})); got != "3 cancelled, 4 cancelled, 5 cancelled" {
		t.Errorf("of a cancelled run, filtered: %s", got)
	}
}

// What was seen before is what a read showed while no request had left that may have changed it. A read after one shows what
// it did.
func TestResultsBefore(t *testing.T) {
	type past struct {
		outcome, method string
		status          int
		body            string
	}
	seen := past{"observed", "GET", 200, "first"}
	for name, c := range map[string]struct {
		past   []past
		before string
	}{
		"never read":                    {[]past{{"transient", "PATCH", 500, "x"}}, ""},
		"only read":                     {[]past{seen, {"observed", "GET", 200, "second"}}, "first"},
		"read, then sent":               {[]past{seen, {"transient", "PATCH", 500, "x"}}, "first"},
		"read back":                     {[]past{{"transient", "PATCH", 500, "x"}, seen}, ""},
		"read after a lost answer":      {[]past{{"unknown", "", 0, ""}, seen}, ""},
		"read after one that was wrong": {[]past{{"throttled", "PATCH", 429, ""}, seen}, "first"},
		"not there":                     {[]past{{"observed", "GET", 404, "no"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
			w.asFile(run)
			for i, p := range c.past {
				w.event(run, 1, i, p.outcome, p.method, p.status, p.body)
			}
			if got := string(w.results(ResultFilter{Run: run})[0].Before); got != c.before {
				t.Errorf("got %q, want %q", got, c.before)
			}
		})
	}
}

func TestResultsRefused(t *testing.T) {
	w := newWorld(t)
	never := func(Detail, iter.Seq2[*Result, error]) error { t.Error("called"); return nil }
	if err := w.audit.Results(t.Context(), ResultFilter{Run: 202611000099}, never); !errors.Is(err, ErrNoRun) {
		t.Errorf("got %v", err)
	}
	run := w.enqueue(contoso, "query", update{configuration, "s1", ""})
	var noFile *NoFileError
	if err := w.audit.Results(t.Context(), ResultFilter{Run: run}, never); !errors.As(err, &noFile) {
		t.Errorf("got %v", err)
	}
	// A cell that the run does not have is a fault, not an empty one.
	w.exec(`UPDATE run SET source = '{"header": ["c", "x"], "columns": ["deviceConfigurationId", ""], "otherColumns": [1]}' WHERE id = $1`, run)
	err := w.audit.Results(t.Context(), ResultFilter{Run: run}, func(_ Detail, results iter.Seq2[*Result, error]) error {
		for _, err := range results {
			return err
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "row 1: a cell is missing") {
		t.Errorf("got %v", err)
	}
}

func TestResultsLeftEarly(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", make([]update, 20_000)...)
	w.asFile(run)
	enough := errors.New("enough")
	err := w.audit.Results(t.Context(), ResultFilter{Run: run}, func(_ Detail, results iter.Seq2[*Result, error]) error {
		for range results {
			break
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if got := w.results(ResultFilter{Run: run}); len(got) != 20_000 {
		t.Errorf("%d rows, want all", len(got))
	}
}

// A reader who stops for longer than a transaction may be idle loses nothing.
func TestResultsTakenSlowly(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""}, update{configuration, "s2", ""})
	w.asFile(run)
	w.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 300', current_database()); END $$`)
	w.pool.Reset()
	rows := 0
	w.must(w.audit.Results(t.Context(), ResultFilter{Run: run}, func(_ Detail, results iter.Seq2[*Result, error]) error {
		for _, err := range results {
			if err != nil {
				return err
			}
			rows++
		}
		w.exec(`SELECT pg_sleep(0.6)`)
		return nil
	}))
	if rows != 2 {
		t.Errorf("%d rows", rows)
	}
}

// gathers are the steps of a plan that hold rows in memory or on disk, or read all there are.
var gathers = regexp.MustCompile(`(Sort|Hash|Merge|Materialize|Memoize|Gather|Bitmap|Seq Scan)[^\n]*`)

// However many rows a run has, they and their events come out of the indexes in order. The planner is asked without statistics
// and with them, for runs of few rows and of many.
func TestResultsGatherNothing(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	other := w.enqueue(contoso, "other.csv", update{configuration, "s2", ""})
	w.rewrite(`INSERT INTO status_update (run, row, line, target, route, device_configuration_id, user_status_id, asks, devices_count)
		SELECT r, n, n + 1, gen_random_uuid(), 'plain', 'c', 's' || n, 2, n FROM generate_series(2, 60000) n, unnest(ARRAY[$1::bigint, $2]) r`, run, other)
	w.rewrite(`INSERT INTO audit_event (run, row, outcome, final, error)
		SELECT r, n, CASE WHEN n % 500 = 0 THEN 'rejected' ELSE 'applied' END, true, 'x' FROM generate_series(1, 60000) n, unnest(ARRAY[$1::bigint, $2]) r`, run, other)
	w.rewrite(`INSERT INTO audit_event (run, row, outcome) SELECT $1, n, 'throttled' FROM generate_series(1, 60000, 3) n`, run)
	for _, known := range []bool{false, true} {
		if known {
			w.exec(`ANALYZE`)
		}
		for _, outcomes := range [][]string{nil, {"applied"}, {"rejected", "failed"}, {"rejected", "open"}, {"open"}} {
			f := ResultFilter{Run: run, Outcomes: outcomes}
			plan := w.plan(f)
			if found := gathers.FindString(plan); found != "" {
				t.Errorf("statistics %t, outcomes %q: %s\n%s", known, outcomes, found, plan)
			}
			if known && len(outcomes) == 2 && outcomes[1] == "failed" && !strings.Contains(plan, "Filter: final\n") {
				t.Errorf("%q: failures are not found by their index:\n%s", outcomes, plan)
			}
		}
	}
	w.asFile(run)
	if got := w.results(ResultFilter{Run: run, Outcomes: []string{"rejected"}}); len(got) != 120 {
		t.Errorf("%d rows, want 120", len(got))
	}
}

func (w *world) plan(f ResultFilter) (plan string) {
	w.t.Helper()
	w.must(pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), inOrder); err != nil {
			return err
		}
		sql, args := f.query("open")
		rows, err := tx.Query(w.t.Context(), `EXPLAIN (COSTS OFF) `+sql, args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	}))
	return plan
}

func TestParseResultOutcome(t *testing.T) {
	for _, o := range ResultOutcomes() {
		if got, err := ParseResultOutcome(o); err != nil || got != o {
			t.Errorf("%s: got %s, %v", o, got, err)
		}
	}
	for s, want := range map[string]string{
		"rejectd":   `"rejectd" is no outcome of a row: write rejected`,
		"throttled": `"throttled" is no outcome of a row: use some of applied, rejected, failed, unchanged, superseded, moved, missing, open, cancelled`,
	} {
		if _, err := ParseResultOutcome(s); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", s, err)
		}
	}
}
