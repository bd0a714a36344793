package main

import (
	"strings"
	"testing"
)

// What each command says about the same database.
func TestOutput(t *testing.T) {
	p, _ := written(t)
	for name, args := range map[string]string{
		"runs.txt":          "runs",
		"runs.csv":          "runs --output csv",
		"runs.json":         "runs --output json --tenant 11111111-1111-4111-8111-111111111111",
		"show.json":         "show 202611000042 --output json",
		"events.txt":        "events",
		"events-run.txt":    "events --run 202611000042 --limit 2",
		"events.csv":        "events --output csv --limit 0",
		"events.json":       "events --output json --since 2026-11-23T10:00:00Z",
		"bodies.csv":        "events --output csv --bodies --outcome applied,rejected",
		"bodies.json":       "events --output json --bodies --status 4xx",
		"bodies.txt":        "events --bodies --run 202611000042",
		"oldest.txt":        "events --sort oldest --limit 2",
		"page.txt":          "events --sort oldest --limit 1 --after 202611000042-0-518f600e",
		"events.jsonl":      "events --output jsonl --limit 2",
		"bodies.jsonl":      "export --format jsonl --bodies --status 403",
		"export.csv":        "export --format csv --final",
		"event.txt":         "event 202611000042-2-339616fb",
		"event.json":        "event 202611000042-2-339616fb --output json",
		"event.raw":         "event 202611000042-2-339616fb --output raw",
		"event-of-run.txt":  "event 202611000042-0-518f600e",
		"no-user.txt":       "user nobody@contoso.com",
		"no-user.json":      "user nobody@contoso.com --output json",
		"no-events.txt":     "events --user nobody@contoso.com",
		"no-events.csv":     "events --user nobody* --output csv",
		"no-events.json":    "events --until 2026-11-22 --output json",
		"no-runs.txt":       "runs --state held",
		"no-runs.csv":       "runs --state held --output csv",
		"no-runs.json":      "runs --state held --output json",
		"configuration.txt": "events --configuration C1 --final --request-id r2 --status-id s2",
	} {
		got, err := p.run(strings.Fields(args)...)
		if err != nil {
			t.Errorf("audit %s: %v", args, err)
			continue
		}
		golden(t, name, got)
	}
}

// The history of a user in each form, of one whose name is a trick.
func TestUserOutput(t *testing.T) {
	p, _ := written(t)
	for _, format := range []string{"table", "json", "jsonl", "csv"} {
		got, err := p.run("user", "EVE\x1b[2J\n@contoso.com", "--output", format)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "user."+strings.Replace(format, "table", "txt", 1), got)
	}
}

// The process itself: what a script sees.
func TestExitCodes(t *testing.T) {
	p, _ := written(t)
	for _, test := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"show 202611000041", 1, "", "audit: run 202611000041: no such run\n"},
		{"events --run 202611000041 --output json", 1, "", "audit: run 202611000041: no such run\n"},
		{"events --after 202611000042-17-00000000", 1, "", "audit: event 202611000042-17-00000000: no such event\n"},
		{"event 202611000041-1-00000000", 1, "", "audit: event 202611000041-1-00000000: no such event\n"},
		{"event 202611000042-0-518f600e --output raw", 1, "", "audit: event 202611000042-0-518f600e has no exchange: it is enqueued\n"},
		{"event 17", 2, "", `audit: <event>: "17" is no event: those are named by run, row and eight more digits, such as 202611000042-17-9f3a61c2` + "\nSee audit event --help.\n"},
		{"events --follow --limit 0 --output json --until today", 2, "", "audit: events: --follow goes on and on with what is new; it does not go with --output json\n--follow goes on and on with what is new; it does not go with --until\n--limit=0: --follow begins with 1 to 1000 events\nSee audit events --help.\n"},
		{"user --limit=-1 x@contoso.com", 2, "", "audit: user: --limit=-1: use a number of lines, or 0 for all\nSee audit user --help.\n"},
		{"events --row 77", 0, "no events\n", ""},
		{"show forty-two", 2, "", `audit: <run>: "forty-two" is no run number: those have twelve digits, the year, the month and a counter, such as 202611000042` + "\nSee audit show --help.\n"},
		{"events --until 2026-11-23 --since 2026-11-24", 2, "", "audit: events: --since 2026-11-24 is not before --until 2026-11-23\nSee audit events --help.\n"},
		{"runs --tenant contoso --limit=-1", 2, "", "audit: --tenant: \"contoso\" is no GUID\nSee audit runs --help.\n"},
		{"events --row=-1 --limit=-1", 2, "", "audit: events: --limit=-1: use a number of lines, or 0 for all\n--row=-1: rows are counted from 1; 0 is the run itself\nSee audit events --help.\n"},
	} {
		stdout, stderr, code := p.execute(strings.Fields(test.args)...)
		if code != test.code || stdout != test.stdout || stderr != test.stderr {
			t.Errorf("audit %s: exit code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
}
