package audit

import (
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestRuns(t *testing.T) {
	w, first, second, third := story(t)
	for _, test := range []struct {
		name   string
		filter RunFilter
		want   []int64
	}{
		{"all, newest first", RunFilter{}, []int64{third, second, first}},
		{"limit", RunFilter{Limit: 2}, []int64{third, second}},
		{"tenant", RunFilter{Tenant: contoso}, []int64{third, first}},
		{"state", RunFilter{State: "cancelled"}, []int64{second}},
		{"tenant and state", RunFilter{Tenant: contoso, State: "running"}, []int64{first}},
		{"none", RunFilter{Tenant: uuid.UUID{1}}, nil},
	} {
		runs, err := w.audit.Runs(t.Context(), test.filter)
		w.must(err)
		var got []int64
		for _, r := range runs {
			got = append(got, r.ID)
			if r.Settled+r.Open+r.Cancelled != r.Rows || r.Applied+r.Rejected+r.Failed+r.Unchanged+r.Superseded != r.Settled {
				t.Errorf("%s: run %d does not add up: %+v", test.name, r.ID, r.Counts)
			}
		}
		if diff := cmp.Diff(got, test.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", test.name, diff)
		}
	}
}

func TestShowRunning(t *testing.T) {
	w, first, _, _ := story(t)
	d, err := w.audit.Show(t.Context(), first)
	w.must(err)
	want := Counts{
		Rows: 8, Settled: 6, Open: 2, Applied: 3, Rejected: 2, Failed: 1,
		Throttled: 1, Transient: 1, Unknown: 1, Late: 1, Requests: 9,
	}
	if diff := cmp.Diff(d.Counts, want); diff != "" {
		t.Errorf("counts (-got +want):\n%s", diff)
	}
	if d.State != "running" || d.InFlight != 1 || d.Tenant != contoso || d.Actor != "anna@desk" || d.Reason != nil || d.FinishedAt != nil {
		t.Errorf("got %+v", d)
	}
	if got := fmt.Sprintf("%s %s", d.Source, d.Options); got != `{"file": "users.csv", "bytes": 4096} {"duplicates": true}` {
		t.Errorf("source and options: %s", got)
	}
	forbidden, status, gateway := "Forbidden: …_… at …", 403, 504
	failures := []Failure{{"rejected", &status, &forbidden, 2, 2}, {"failed", &gateway, nil, 1, 7}}
	if diff := cmp.Diff(d.Failures, failures); diff != "" {
		t.Errorf("failures (-got +want):\n%s", diff)
	}
	if d.RatePerSecond == nil || *d.RatePerSecond <= 0 || d.OtherFailures != 0 {
		t.Errorf("rate %v, other failures %d", d.RatePerSecond, d.OtherFailures)
	}
}

// The rows that a cancelled run never sent are settled by its state.
func TestShowCancelled(t *testing.T) {
	w, _, second, _ := story(t)
	d, err := w.audit.Show(t.Context(), second)
	w.must(err)
	if diff := cmp.Diff(d.Counts, Counts{Rows: 1, Cancelled: 1}); diff != "" {
		t.Errorf("counts (-got +want):\n%s", diff)
	}
}

// The limits are shown as they are written on the command line.
func TestShowLimits(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	for _, test := range []struct {
		sql  string
		want string
		rows int
	}{
		{`UPDATE run_count SET max_failures_percent = 5, canary_rows = 50`, "5%", 50},
		{`UPDATE run_count SET max_failures_percent = 0.5`, "0.5%", 50},
		{`UPDATE run_count SET max_failures_percent = NULL, max_failures = 200, canary_rows = 1`, "200", 1},
	} {
		w.exec(test.sql)
		d, err := w.audit.Show(t.Context(), run)
		w.must(err)
		if d.MaxFailures == nil || *d.MaxFailures != test.want || d.CanaryRows == nil || *d.CanaryRows != test.rows {
			t.Errorf("%s: got %v, %v", test.sql, d.MaxFailures, d.CanaryRows)
		}
	}
	w.exec(`UPDATE run_count SET max_failures = NULL, canary_rows = NULL`)
	d, err := w.audit.Show(t.Context(), run)
	w.must(err)
	if d.MaxFailures != nil || d.CanaryRows != nil {
		t.Errorf("without limits: got %v, %v", d.MaxFailures, d.CanaryRows)
	}
}

// Ten thousand equal refusals, of which each names another request, user and time, are one line.
func TestShowTenThousandEqualFailures(t *testing.T) {
	w := newWorld(t)
	updates := make([]update, 10_000)
	for i := range updates {
		updates[i] = update{configuration, fmt.Sprintf("s%d", i), ""}
	}
	run := w.enqueue(contoso, "users.csv", updates...)
	w.exec(`
		INSERT INTO audit_event (run, row, final, outcome, status, error)
		SELECT $1, row, true, 'rejected', 403, format('Forbidden: user u%s@contoso.com may not - Activity ID: %s - at %s', row, gen_random_uuid(),
			to_char(timestamp '2026-11-23' + row * interval '1 s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
		FROM generate_series(1, 10000) row`, run)
	w.exec(`UPDATE run_count SET rejected = 10000`)
	d, err := w.audit.Show(t.Context(), run)
	w.must(err)
	status, problem := 403, "Forbidden: user … may not - Activity ID: … - at …"
	if diff := cmp.Diff(d.Failures, []Failure{{"rejected", &status, &problem, 10_000, 1}}); diff != "" || d.OtherFailures != 0 {
		t.Errorf("failures (-got +want):\n%s\nothers: %d", diff, d.OtherFailures)
	}
}

func TestShowHistory(t *testing.T) {
	w, first, second, third := story(t)
	for run, want := range map[int64]string{
		first:  "running: enqueued by anna@desk;",
		second: "cancelled: enqueued by anna@desk; held by bob@desk (lunch); cancelled by bob@desk (no longer wanted);",
		third:  "finished: enqueued by anna@desk; finished by worker-1 (commit 3, digest …);",
	} {
		d, err := w.audit.Show(t.Context(), run)
		w.must(err)
		got := d.State + ":"
		for _, e := range d.History {
			got += fmt.Sprintf(" %s by %s", e.Outcome, *e.Actor)
			if e.Reason != nil {
				*e.Reason = regexp.MustCompile(`digest [0-9a-f]{64}$`).ReplaceAllString(*e.Reason, "digest …")
				got += " (" + *e.Reason + ")"
			}
			got += ";"
		}
		if got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		if _, offset := d.CreatedAt.Zone(); offset != 0 || d.CreatedAt.Location().String() != "UTC" {
			t.Errorf("run %d was created at %s, not in UTC", run, d.CreatedAt)
		}
	}
}

func TestShowBeforeAnyProgress(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	d, err := w.audit.Show(t.Context(), run)
	w.must(err)
	if d.FirstProgressAt != nil || d.LastProgressAt != nil || d.RatePerSecond != nil || d.Open != 1 || len(d.Failures) != 0 {
		t.Errorf("got %+v", d)
	}
}

// A rate is what was settled between the first and the last progress.
func TestShowRate(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""}, update{configuration, "s2", ""}, update{configuration, "s3", ""})
	w.send(run, 1, "applied", "applied", 204, "")
	w.send(run, 2, "applied", "applied", 204, "")
	w.rewrite(`UPDATE audit_event SET recorded_at = '2026-11-23T10:00:00Z' WHERE row = 1`)
	w.exec(`UPDATE run_count SET progress_at = '2026-11-23T10:00:06Z'`)
	d, err := w.audit.Show(t.Context(), run)
	w.must(err)
	if d.RatePerSecond == nil || *d.RatePerSecond != 0.333 {
		t.Errorf("got %v, want 2 rows in 6 s", d.RatePerSecond)
	}
}

// Rows whose causes are too many to list are still counted.
func TestShowManyCauses(t *testing.T) {
	w := newWorld(t)
	updates := make([]update, maxFailures+2)
	for i := range updates {
		updates[i] = update{configuration, fmt.Sprintf("s%d", i), ""}
	}
	run := w.enqueue(contoso, "users.csv", updates...)
	for i := range updates {
		w.send(run, int32(i+1), "rejected", "rejected", 400, fmt.Sprintf("cause %c", 'a'+i))
	}
	d, err := w.audit.Show(t.Context(), run)
	w.must(err)
	if len(d.Failures) != maxFailures || d.OtherFailures != 2 || d.State != "finished" {
		t.Errorf("%d causes, %d other rows, %s", len(d.Failures), d.OtherFailures, d.State)
	}
}

func TestNoSuchRun(t *testing.T) {
	w := newWorld(t)
	_, err := w.audit.Show(t.Context(), 202611000042)
	if !errors.Is(err, ErrNoRun) || err.Error() != "run 202611000042: no such run" {
		t.Errorf("Show: %v", err)
	}
	for _, err := range w.audit.Events(t.Context(), EventFilter{Run: 202611000042}) {
		if !errors.Is(err, ErrNoRun) {
			t.Errorf("Events: %v", err)
		}
	}
}

// The words here and those that the tables allow are the same.
func TestWordsOfTheSchema(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		table, column string
		want          []string
	}{{"run", "state", []string{"planning", "running", "held", "finished", "cancelled"}}, {"audit_event", "outcome", Outcomes()}} {
		var check string
		w.must(w.pool.QueryRow(t.Context(), `
			SELECT pg_get_constraintdef(oid) FROM pg_constraint
			WHERE conrelid = $1::text::regclass AND conname = $1 || '_' || $2 || '_check'`, test.table, test.column).Scan(&check))
		var got []string
		for _, word := range regexp.MustCompile(`'(\w+)'::text`).FindAllStringSubmatch(check, -1) {
			got = append(got, word[1])
		}
		if diff := cmp.Diff(got, test.want); diff != "" {
			t.Errorf("%s.%s (-schema +here):\n%s", test.table, test.column, diff)
		}
	}
}

// What rows took in requests, and which of those took longest; those under a second are nothing to tell.
func TestShowSlowest(t *testing.T) {
	w, first, _, _ := story(t)
	w.rewrite(`UPDATE audit_event SET elapsed_us = CASE row WHEN 1 THEN 999999 WHEN 2 THEN 1000000 WHEN 3 THEN 29000000 WHEN 5 THEN 1500000 WHEN 7 THEN 2500000 END
		WHERE run = $1 AND row IN (1, 2, 3, 5, 7)`, first)
	d, err := w.audit.Show(t.Context(), first)
	w.must(err)
	var got []string
	for _, s := range d.Slowest {
		e, err := w.audit.Event(t.Context(), s.Event)
		w.must(err)
		if e.Row != s.Row || e.Outcome != s.Outcome || *e.ElapsedMs != s.ElapsedMs {
			t.Errorf("event %s is %+v", s.Event, e)
		}
		got = append(got, fmt.Sprintf("%d %s %v", s.Row, s.Outcome, s.ElapsedMs))
	}
	if diff := cmp.Diff(got, []string{"3 rejected 29000", "7 failed 2500", "5 transient 1500"}); diff != "" {
		t.Errorf("slowest (-got +want):\n%s", diff)
	}
	if d.Retries != 3 || d.RequestsPerRow == nil || *d.RequestsPerRow != 1.5 {
		t.Errorf("%d retries, %v requests a row", d.Retries, d.RequestsPerRow)
	}
	open := w.enqueue(contoso, "none.csv", update{configuration, "s77", ""})
	if d, err = w.audit.Show(t.Context(), open); err != nil || d.RequestsPerRow != nil || len(d.Slowest) != 0 {
		t.Errorf("before anything is settled: %v, %+v, %v", d.RequestsPerRow, d.Slowest, err)
	}
}
