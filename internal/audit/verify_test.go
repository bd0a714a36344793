package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/ledger"
	"graphpatch/internal/proof"
)

// kept are the tables that a test tampers with and puts back.
var kept = []string{"run", "run_count", "status_update", "audit_event", "audit_commit"}

// columns are those of a table that can be written.
func (w *world) columns(table string) string {
	w.t.Helper()
	var names string
	w.must(w.pool.QueryRow(w.t.Context(), `
		SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, table).Scan(&names))
	return names
}

// keep copies the tables, so that restore can put them back.
func (w *world) keep() {
	w.t.Helper()
	for _, table := range kept {
		w.exec(`CREATE TABLE kept_` + table + ` AS SELECT ` + w.columns(table) + ` FROM ` + table)
	}
}

func (w *world) restore() {
	w.t.Helper()
	for _, table := range kept {
		w.rewrite(`DELETE FROM ` + table)
		w.rewrite(`INSERT INTO ` + table + ` (` + w.columns(table) + `) SELECT * FROM kept_` + table)
	}
}

// verify returns the findings, each as its run, row, commit and kind.
func (w *world) verify(f VerifyFilter) ([]string, Verified) {
	w.t.Helper()
	var all []string
	seen, err := w.audit.Verify(w.t.Context(), f, func(f Finding) error {
		s := fmt.Sprintf("%d", f.Run%1_000_000)
		if f.Row != nil {
			s += fmt.Sprintf(" row %d", *f.Row)
		}
		if f.Commit != nil {
			s += fmt.Sprintf(" commit %d", *f.Commit)
		}
		all = append(all, s+" "+f.What)
		if f.Detail == "" {
			w.t.Errorf("%s without a word", s)
		}
		return nil
	})
	w.must(err)
	if seen.Findings != len(all) {
		w.t.Errorf("%d findings were counted, %d told", seen.Findings, len(all))
	}
	return all, seen
}

// All that a ledger can write passes, and is looked at.
func TestVerifyWhatWasRecorded(t *testing.T) {
	w, first, _, _ := story(t)
	findings, seen := w.verify(VerifyFilter{Lease: ledger.Lease})
	if len(findings) > 0 {
		t.Error(findings)
	}
	var want Verified
	w.must(w.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM status_update), (SELECT count(*) FROM audit_event), (SELECT count(*) FROM audit_commit)`).
		Scan(&want.Runs, &want.Rows, &want.Events, &want.Commits))
	if diff := cmp.Diff(seen, want); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
	if _, err := w.audit.Verify(t.Context(), VerifyFilter{Run: first + 100}, nil); !errors.Is(err, ErrNoRun) {
		t.Errorf("got %v", err)
	}
	w.exec(`UPDATE in_flight SET since = since - interval '91 s' WHERE run = $1`, first)
	if findings, _ = w.verify(VerifyFilter{Lease: ledger.Lease}); !slices.Equal(findings, []string{"1 row 8 overdue"}) {
		t.Errorf("after the lease: %v", findings)
	}
}

// Every column of an event, altered by who may do anything.
func TestVerifyNoticesAnAlteredColumn(t *testing.T) {
	w, first, _, third := story(t)
	w.keep()
	to := map[string]string{
		"run": fmt.Sprint(third), "row": "3", "final": "NOT final", "body_cut": "true", "spared": "true", "status": "status + 1",
		"elapsed_us": "elapsed_us + 1", "sent_at": "sent_at + interval '1 microsecond'", "recorded_at": "recorded_at - interval '1 microsecond'",
		"client_request_id": "'cccccccc-0000-4000-8000-00000000ffff'", "outcome": "'superseded'", "method": "'GET'", "url": "url || '/'",
		"response_headers": "response_headers || ' '", "request_id": "'another'", "worker": "'worker-2'", "actor": "''",
		"request_body": "''", "response_body": "NULL", "error": "'Forbidden'", "erased": "sha256('')",
	}
	want := map[string][]string{
		"run":     {"1 row 2 commit 3 missing", "1 miscounted", "3 row 2 inserted", "3 row 2 inserted", "3 miscounted"},
		"row":     {"1 row 3 inserted", "1 row 3 inserted", "1 row 2 commit 3 missing"},
		"final":   {"1 row 2 commit 3 altered", "1 miscounted", "1 miscounted"},
		"outcome": {"1 row 2 commit 3 altered", "1 miscounted", "1 miscounted"},
		"erased":  {"1 row 2 commit 3 altered", "1 row 2 altered"},
	}
	for _, column := range strings.Split(w.columns("audit_event"), ", ") {
		value, ok := to[column]
		if !ok {
			t.Errorf("%s: is it under the digest?", column)
			continue
		}
		if column == "run" || column == "row" { // the index keeps two final events of a row out
			w.exec(`DROP INDEX IF EXISTS audit_event_final`)
		}
		w.rewrite(`UPDATE audit_event SET `+column+` = `+value+` WHERE run = $1 AND row = 2`, first)
		expected := want[column]
		if expected == nil {
			expected = []string{"1 row 2 commit 3 altered"}
		}
		if findings, _ := w.verify(VerifyFilter{}); !slices.Equal(findings, expected) {
			t.Errorf("%s: got %q, want %q", column, findings, expected)
		}
		w.restore()
	}
	if len(to) != len(proof.EventColumns)+len(proof.PersonalEventColumns)+1 {
		t.Error("a column of the leaf was not altered")
	}
}

// Every column of a row, and of a run what says where it came from.
func TestVerifyNoticesAnAlteredImport(t *testing.T) {
	w, first, _, _ := story(t)
	w.keep()
	to := map[string]string{
		"line": "line + 1", "target": "'cccccccc-0000-4000-8000-00000000ffff'", "route": "'root'", "device_configuration_id": "'x'",
		"certificate_id": "''", "user_status_id": "'x'", "asks": "3", "user_display_name": "'x'", "devices_count": "devices_count + 1",
		"status": "'error'", "last_reported_date_time": "''", "user_principal_name": "'eve@contoso.com'", "other": "'{}'", "expects": "'{}'",
	}
	if len(to)+2 != len(proof.UpdateColumns)+len(proof.PersonalUpdateColumns) {
		t.Error("a column of the leaf is not altered")
	}
	for column, value := range to {
		w.rewrite(`UPDATE status_update SET `+column+` = `+value+` WHERE run = $1 AND row = 5`, first)
		if findings, _ := w.verify(VerifyFilter{}); !slices.Equal(findings, []string{"1 row 1 altered"}) {
			t.Errorf("%s: %q", column, findings)
		}
		w.restore()
	}
	for column, value := range map[string]string{
		"kind": "'csv '", "name": "'x'", "actor": "'eve'", "tenant": "'cccccccc-0000-4000-8000-00000000ffff'", "source": "'{}'", "options": "'{}'",
		"priority": "3", "fingerprint": "sha256('')", "repeat": "7", "created_at": "created_at + interval '1 microsecond'",
	} {
		w.exec(`ALTER TABLE run DROP CONSTRAINT IF EXISTS run_kind_check`)
		w.rewrite(`UPDATE run SET `+column+` = `+value+` WHERE id = $1`, first)
		if findings, _ := w.verify(VerifyFilter{Run: first}); !slices.Equal(findings, []string{"1 commit 0 altered"}) {
			t.Errorf("%s: %q", column, findings)
		}
		w.restore()
	}
}

func TestVerifyNoticesTampering(t *testing.T) {
	w, first, second, _ := story(t)
	w.keep()
	heads, err := w.audit.Checkpoint(t.Context(), 0)
	w.must(err)
	exported := Exported{}
	for _, h := range heads {
		exported[h.Run] = append(exported[h.Run], h)
	}
	for _, c := range []struct {
		what    string
		sql     []string
		want    []string
		against bool // only what was exported before tells
	}{
		{what: "an event is removed", sql: []string{`DELETE FROM audit_event WHERE run = $1 AND row = 3`}, want: []string{"1 row 3 commit 4 missing", "1 miscounted"}},
		{what: "an event is removed that settles nothing, with its count", sql: []string{
			`DELETE FROM audit_event WHERE run = $1 AND row = 5`, `UPDATE run_count SET transient = transient - 1 WHERE run = $1`,
		}, want: []string{"1 row 5 commit 7 missing"}},
		{what: "an event is inserted", sql: []string{`INSERT INTO audit_event (run, row, outcome) VALUES ($1, 5, 'throttled')`}, want: []string{"1 row 5 inserted", "1 miscounted"}},
		{what: "a hold that never was", sql: []string{`INSERT INTO audit_event (run, row, outcome, actor) VALUES ($1, 0, 'held', 'eve')`}, want: []string{"1 row 0 inserted"}},
		{what: "an event twice", sql: []string{`INSERT INTO audit_event SELECT * FROM audit_event WHERE run = $1 AND row = 5`}, want: []string{"1 row 5 inserted", "1 miscounted"}},
		{what: "two events change rows", sql: []string{
			`UPDATE audit_event SET row = CASE row WHEN 4 THEN 5 ELSE 4 END WHERE run = $1 AND row IN (4, 5) AND outcome IN ('throttled', 'transient')`,
		}, want: []string{"1 row 4 commit 5 altered", "1 row 5 commit 7 altered"}},
		{what: "two answers change rows", sql: []string{
			`UPDATE audit_event e SET response_headers = o.response_headers, status = o.status, error = o.error FROM audit_event o
			 WHERE e.run = $1 AND o.run = $1 AND e.final AND o.final AND (e.row, o.row) IN ((1, 2), (2, 1))`,
		}, want: []string{"1 row 1 commit 2 altered", "1 row 2 commit 3 altered"}},
		{what: "a commit is removed", sql: []string{`DELETE FROM audit_commit WHERE run = $1 AND number = 4`}, want: []string{"1 commit 4 missing", "1 row 3 inserted"}},
		{what: "a commit is removed with its events", sql: []string{
			`DELETE FROM audit_commit WHERE run = $1 AND number = 4`, `DELETE FROM audit_event WHERE run = $1 AND row = 3`,
			`UPDATE run_count SET rejected = rejected - 1 WHERE run = $1`,
		}, want: []string{"1 commit 4 missing"}},
		{what: "a commit says something else", sql: []string{`UPDATE audit_commit SET rows = '{4}' WHERE run = $1 AND number = 4`}, want: []string{
			"1 commit 4 altered", "1 row 3 inserted", "1 row 4 commit 4 missing",
		}},
		{what: "a commit has another digest", sql: []string{`UPDATE audit_commit SET digest = sha256('') WHERE run = $1 AND number = 4`}, want: []string{
			"1 commit 4 altered", "1 commit 5 altered",
		}},
		{what: "the last commit is removed", sql: []string{
			`DELETE FROM audit_commit a WHERE run = $1 AND number = (SELECT commits FROM run_count WHERE run = a.run)`,
		}, want: []string{"1 commit 11 missing", "1 row 7 inserted"}},
		{what: "the last commit is removed as if it had never been", sql: []string{
			`DELETE FROM audit_event WHERE run = $1 AND row = 7`, `DELETE FROM audit_commit WHERE run = $1 AND number = 11`,
			`UPDATE run_count c SET failed = failed - 1, commits = 10, digest = (SELECT digest FROM audit_commit WHERE run = c.run AND number = 10) WHERE run = $1`,
		}, want: []string{"1 commit 11 missing"}, against: true},
		{what: "the end of the chain is altered", sql: []string{`UPDATE run_count SET digest = sha256('') WHERE run = $1`}, want: []string{"1 commit 11 altered"}},
		{what: "the chain is taken away", sql: []string{`UPDATE run_count SET digest = NULL WHERE run = $1`}, want: []string{"1 missing"}},
		{what: "all events are removed", sql: []string{`DELETE FROM audit_event WHERE run = $1`}, want: []string{
			"1 row 0 commit 1 missing", "1 row 1 commit 2 missing", "1 row 2 commit 3 missing", "1 row 3 commit 4 missing", "1 row 4 commit 5 missing",
			"1 row 4 commit 6 missing", "1 row 5 commit 7 missing", "1 row 6 commit 8 missing", "1 row 6 commit 9 missing", "1 row 6 commit 10 missing",
			"1 row 7 commit 11 missing", "1 miscounted", "1 miscounted", "1 miscounted", "1 miscounted",
		}},
		{what: "all rows are removed", sql: []string{`DELETE FROM status_update WHERE run = $1`}, want: []string{"1 row 1 missing", "1 miscounted"}},
		{what: "a row is removed, with its count", sql: []string{
			`DELETE FROM status_update WHERE run = $1 AND row = 8`, `UPDATE run_count SET rows = rows - 1 WHERE run = $1`,
		}, want: []string{"1 row 1 altered"}},
		{what: "rows are inserted far away", sql: []string{
			`INSERT INTO status_update SELECT run, row + 5000, line, target, route, device_configuration_id, certificate_id, user_status_id, asks FROM status_update WHERE run = $1 AND row = 1`,
			`UPDATE run_count SET rows = rows + 1 WHERE run = $1`,
		}, want: []string{"1 row 5001 inserted"}},
		{what: "counts are altered", sql: []string{`UPDATE run_count SET applied = applied + 1, rejected = rejected - 1 WHERE run = $1`}, want: []string{"1 miscounted", "1 miscounted"}},
		{what: "the run is removed, and nothing else", sql: []string{`DELETE FROM run WHERE id = $1`}, want: []string{"1 missing", "1 missing", "1 missing"}},
		{what: "the run is removed with all of it", sql: []string{
			`DELETE FROM run WHERE id = $1`, `DELETE FROM run_count WHERE run = $1`, `DELETE FROM audit_event WHERE run = $1`,
			`DELETE FROM audit_commit WHERE run = $1`, `DELETE FROM status_update WHERE run = $1`,
		}, want: []string{"1 missing"}, against: true},
	} {
		for _, sql := range c.sql {
			w.rewrite(sql, first)
		}
		findings, _ := w.verify(VerifyFilter{})
		if c.against {
			if len(findings) > 0 {
				t.Errorf("%s: without what was exported: %q", c.what, findings)
			}
			findings, _ = w.verify(VerifyFilter{Against: exported})
		}
		if diff := cmp.Diff(findings, c.want); diff != "" {
			t.Errorf("%s: -got +want\n%s", c.what, diff)
		}
		w.restore()
	}
	// Put back, all is well, also against what was exported, and of the second run alone.
	findings, seen := w.verify(VerifyFilter{Against: exported})
	if len(findings) > 0 || seen.Exported != 3 {
		t.Errorf("%q, %+v", findings, seen)
	}
	if _, seen = w.verify(VerifyFilter{Run: second, Against: exported}); seen.Runs != 1 {
		t.Errorf("%+v", seen)
	}
	if _, seen = w.verify(VerifyFilter{Month: int(first/1_000_000) + 1}); seen.Runs != 0 {
		t.Errorf("%+v", seen)
	}
}

// forge alters an event and works out every digest anew, as somebody would who has read the source.
func (w *world) forge(ctx context.Context, run int64) {
	w.t.Helper()
	w.rewrite(`UPDATE audit_event SET status = 200, error = NULL WHERE run = $1 AND row = 2`, run)
	v := &verifier{found: func(Finding) error { return nil }}
	tx, err := w.pool.Begin(ctx)
	w.must(err)
	r, err := newRunVerifier(ctx, tx, v, run)
	w.must(err)
	s := sliceVerifier{runVerifier: r, first: 1, last: proof.SliceRows}
	events, err := s.readEvents(ctx)
	w.must(err)
	var links []link
	rows, err := tx.Query(ctx, `SELECT number, rows, digests, digest FROM audit_commit WHERE run = $1 ORDER BY number`, run)
	w.must(err)
	var number int32
	var of []int32
	var digests [][]byte
	var digest []byte
	var forged [][][]byte
	for rows.Next() {
		w.must(rows.Scan(&number, &of, &digests, &digest))
		for i, row := range of {
			if row == 2 && number > 0 {
				for j := range events {
					if events[j].row == 2 {
						digests[i] = slices.Clone(events[j].leaf[:])
					}
				}
			}
		}
		l := link{number: number, content: proof.Content(run, of, digests), digest: asDigest(digest)}
		if number > 0 {
			l.digest = proof.Link(links[number-1].digest, l.content)
		}
		links, forged = append(links, l), append(forged, slices.Clone(digests))
	}
	w.must(tx.Rollback(ctx))
	for i, l := range links {
		w.rewrite(`UPDATE audit_commit SET digests = $3, digest = $4 WHERE run = $1 AND number = $2`, run, l.number, forged[i], l.digest[:])
	}
	last := links[len(links)-1]
	w.rewrite(`UPDATE run_count SET digest = $2 WHERE run = $1`, run, last.digest[:])
}

// Whoever rewrites everything is caught by what was exported before, and by nothing else.
func TestVerifyAgainstWhatWasExported(t *testing.T) {
	w, first, _, _ := story(t)
	heads, err := w.audit.Checkpoint(t.Context(), int(first/1_000_000))
	w.must(err)
	var file strings.Builder
	fmt.Fprintln(&file, `{"time":"2026-11-23T10:00:00Z","level":"INFO","msg":"something else"}`)
	for _, h := range heads {
		fmt.Fprintf(&file, `{"time":"2026-11-23T10:00:00Z","msg":"run finished","run":%d,"commit":%d,"digest":%q}`+"\n", h.Run, h.Commit, h.Digest)
	}
	exported, err := ReadExported(strings.NewReader(file.String()))
	w.must(err)
	// What comes after a checkpoint does not make it wrong.
	w.must(w.ledger.Hold(t.Context(), first, "anna@desk", "lunch"))
	if findings, seen := w.verify(VerifyFilter{Against: exported}); len(findings) > 0 || seen.Exported != 3 {
		t.Errorf("%q, %+v", findings, seen)
	}
	w.forge(t.Context(), first)
	if findings, _ := w.verify(VerifyFilter{}); len(findings) > 0 {
		t.Errorf("the forgery was not made well: %q", findings)
	}
	if findings, _ := w.verify(VerifyFilter{Against: exported}); !slices.Equal(findings, []string{"1 commit 11 altered"}) {
		t.Errorf("got %q", findings)
	}
	for _, bad := range []string{"no JSON\n", `{"run":1,"commit":1,"digest":"abc"}`, `{"commit":1,"digest":"` + strings.Repeat("ab", 32) + `"}`} {
		if _, err := ReadExported(strings.NewReader("{}\n" + bad)); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A run of several slices, and one from before there was a chain.
func TestVerifyManySlices(t *testing.T) {
	w := newWorld(t)
	old := w.enqueue(contoso, "old.csv", update{configuration, "s1", ""})
	w.send(old, 1, "applied", "applied", 200, "")
	w.rewrite(`UPDATE run_count SET commits = 0, digest = NULL`)
	w.rewrite(`DELETE FROM audit_commit`)
	var updates []update
	for i := range 3*proof.SliceRows + 1 {
		updates = append(updates, update{configuration, fmt.Sprint("user-", i), ""})
	}
	run := w.enqueue(contoso, "many.csv", updates...)
	for _, row := range []int32{1, 1000, 1001, 3001} {
		w.send(run, row, "applied", "applied", 200, "")
	}
	findings, seen := w.verify(VerifyFilter{})
	if want := (Verified{Runs: 2, Rows: 3002, Events: 3 + 5, Commits: 6, Unchained: 1}); len(findings) > 0 || seen != want {
		t.Errorf("%q, %+v", findings, seen)
	}
	w.rewrite(`UPDATE status_update SET devices_count = 9 WHERE run = $1 AND row IN (1000, 2001)`, run)
	w.rewrite(`DELETE FROM audit_event WHERE run = $1 AND row = 1001`, run)
	want := []string{"2 row 1 altered", "2 row 1001 commit 4 missing", "2 row 2001 altered", "2 miscounted"}
	if findings, _ = w.verify(VerifyFilter{}); !slices.Equal(findings, want) {
		t.Errorf("got %q", findings)
	}
	// A run that lost its chain is none from before it.
	w.rewrite(`DELETE FROM audit_commit`)
	w.rewrite(`UPDATE run_count SET commits = 0, digest = NULL WHERE run = $1`, run)
	later := w.enqueue(contoso, "later.csv", update{configuration, "s1", ""})
	w.rewrite(`UPDATE run_count SET commits = 0, digest = NULL WHERE run = $1`, later)
	if findings, _ = w.verify(VerifyFilter{Run: later}); !slices.Equal(findings, []string{"3 missing"}) {
		t.Errorf("got %q", findings)
	}
}

// Of a purged run it is told what is left, and that the rest is gone.
func TestPurgedRun(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	w.send(run, 1, "applied", "applied", 200, "")
	w.exec(`INSERT INTO audit_purge (month, actor, runs, digest) SELECT id / 1000000, 'anna@desk', 1, sha256('') FROM run`)
	d, err := w.audit.Show(t.Context(), run)
	if err != nil || d.PurgedAt == nil || d.Applied != 1 || d.Commit == nil || *d.Commit != 3 || len(*d.Digest) != 64 {
		t.Errorf("got %+v, %v", d, err)
	}
	var purged *PurgedError
	err = w.audit.Results(t.Context(), ResultFilter{Run: run}, func(Detail, iter.Seq2[*Result, error]) error { return nil })
	if !errors.As(err, &purged) || purged.Run != run {
		t.Errorf("got %v", err)
	}
}

// The leaf is what docs/proof.md says, worked out by Postgres alone.
func TestLeavesAsInTheManual(t *testing.T) {
	w, _, _, _ := story(t)
	page, err := os.ReadFile("../../docs/proof.md")
	w.must(err)
	_, sql, _ := strings.Cut(string(page), "```sql\n")
	sql, _, _ = strings.Cut(sql, "```")
	function := regexp.MustCompile("`(CREATE FUNCTION [^`]*)`").FindStringSubmatch(string(page))
	sql, where, ok := strings.Cut(sql, "WHERE")
	if !ok || function == nil || !strings.Contains(where, "AND row = 7") {
		t.Fatal("the manual has no statement")
	}
	w.exec(function[1])
	var events, found int
	w.must(w.pool.QueryRow(t.Context(), `
		SELECT count(*), count(c.leaf) FROM (`+sql+`) e
		LEFT JOIN (SELECT encode(unnest(digests), 'hex') AS leaf FROM audit_commit WHERE number > 0) c USING (leaf)`).Scan(&events, &found))
	if events == 0 || found != events {
		t.Errorf("%d of %d leaves are in the chain", found, events)
	}
}
