package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
)

// told is what audit show tells a program of what lies ahead.
type told struct {
	ETASeconds  *float64
	Waits       *string
	PausedUntil *string
}

// TestOutlook lets one thing after another come before a run, and takes them away again.
func TestOutlook(t *testing.T) {
	p, _ := written(t)
	conn, err := pgx.Connect(t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const (
		unserved = "no worker serves tenant 11111111-1111-4111-8111-111111111111 now"
		asked    = "paused by Graph until 10:15:00, 1h (Graph answered 429)"
		down     = "paused until 10:15:00, 1h, because nothing gets through"
		ahead    = "waits for run 202611000041 (priority 1), 3,400 rows"
		until    = "2026-11-23T10:15:00Z"
	)
	for _, step := range []struct {
		name, change string
		want         told
		progress     string // how its line ends
		waits        []string
	}{
		{"no worker", ``, told{nil, ptr(unserved), nil}, "ago), 2.0 rows a second", []string{unserved}},
		{"served, but never worked: the rate so far", `INSERT INTO river_queue (name) VALUES ('tenant_11111111111141118111111111111111')`,
			told{ptr(1.0), nil, nil}, "; does a worker run?", nil},
		{"a budget: a row every 2 s", `SELECT budget_open('11111111-1111-4111-8111-111111111111', 'app', 'write', '100/20s', '2 s')`,
			told{ptr(4.0), nil, nil}, ", about 4 seconds to go at 100/20s", nil},
		{"paused by Graph", `UPDATE budget SET asked = true, reason = 'Graph answered 429', paused_until = clock_timestamp() + interval '1 h'`,
			told{ptr(3604.0), ptr(asked), ptr(until)}, ", about 60 minutes to go at 100/20s", []string{asked}},
		{"down, with another run ahead", `
			UPDATE budget SET asked = false, down = true, reason = '', paused_until = clock_timestamp() + interval '1 h';
			INSERT INTO run (id, kind, name, actor, tenant, source, options, priority, state, fingerprint)
			SELECT 202611000041, kind, name, actor, tenant, source, options, 1, state, sha256('x') FROM run;
			INSERT INTO run_count (run, rows) VALUES (202611000041, 3400)`,
			told{ptr(10404.0), ptr(down + "; " + ahead), ptr(until)}, ", about 3 hours to go at 100/20s", []string{down, ahead}},
		{"the pause is over", `UPDATE budget SET paused_until = clock_timestamp()`,
			told{ptr(6804.0), ptr(ahead), nil}, ", about 2 hours to go at 100/20s", []string{ahead}},
		{"nothing ahead, but no token", `
			UPDATE run SET state = 'held' WHERE id = 202611000041;
			UPDATE run SET reason = 'the login service does not answer' WHERE id = 202611000042`,
			told{nil, ptr("the login service does not answer"), nil}, "ago), 2.0 rows a second", nil},
		{"the worker is gone", `UPDATE run SET reason = NULL; UPDATE river_queue SET updated_at = now() - interval '61 s'`,
			told{nil, ptr(unserved), nil}, "ago), 2.0 rows a second", []string{unserved}},
		{"held", `UPDATE run SET state = 'held'`, told{}, "ago), 2.0 rows a second", nil},
	} {
		if _, err := conn.Exec(t.Context(), step.change); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		checkTold(t, p, step.name, step.want)
		checkShown(t, p, step.name, step.progress, step.waits)
	}
}

func checkTold(t *testing.T, p program, name string, want told) {
	t.Helper()
	text, err := p.run("show", "202611000042", "--output", "json")
	if err != nil {
		t.Fatal(err)
	}
	var got told
	if err := json.Unmarshal([]byte(steady(text)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateApprox(0.01, 0)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", name, diff)
	}
}

// checkShown looks at the two lines that a person sees: how the progress ends, and what the run waits for, if anything.
func checkShown(t *testing.T, p program, name, progress string, waits []string) {
	t.Helper()
	text, err := p.run("show", "202611000042")
	if err != nil {
		t.Fatal(err)
	}
	text = steady(text)
	if !strings.Contains(text, progress+"\n") || strings.Contains(text, "\nwaits ") != (waits != nil) {
		t.Errorf("%s: want progress that ends in %q, and waits %q, in\n%s", name, progress, waits, text)
	}
	for _, why := range waits {
		if !strings.Contains(text, why) {
			t.Errorf("%s: want %q in\n%s", name, why, text)
		}
	}
}

var (
	clock  = regexp.MustCompile(`until \d\d:\d\d:\d\d, \w+`)
	paused = regexp.MustCompile(`"pausedUntil": ".*"`)
)

// steady puts a fixed time in the place of the database's, which goes on.
func steady(text string) string {
	return paused.ReplaceAllString(clock.ReplaceAllString(text, "until 10:15:00, 1h"), `"pausedUntil": "2026-11-23T10:15:00Z"`)
}
