package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/audit"
)

// A follower shows what comes when it comes, through a pipe, and an interrupt is its end and no failure.
func TestFollowing(t *testing.T) {
	p, _ := written(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for format, first := range map[string]string{
		"table": "2026-11-23 10:00:02 UTC  202611000042-2-339616fb", "jsonl": `{"id":"202611000042-2-339616fb"`, "csv": "id,run,row,",
	} {
		command := exec.CommandContext(t.Context(), executable, "events", "--follow", "--limit", "9", "--output", format)
		command.Env = append(os.Environ(), beAudit+"=1", "DATABASE_URL="+p.url)
		var problems bytes.Buffer
		command.Stderr = &problems
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		next := func(want string) {
			for lines.Scan() {
				if strings.Contains(lines.Text(), want) {
					return
				}
			}
			t.Errorf("%s: the output ended before %q: %s", format, want, &problems)
		}
		next(first)
		conn, err := pgx.Connect(t.Context(), p.url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `INSERT INTO audit_event (run, row, outcome, actor) VALUES (202611000042, 0, 'released', $1)`, "now of "+format); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		next("now of " + format)
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for lines.Scan() {
			t.Errorf("%s: also %q", format, lines.Text())
		}
		if err := command.Wait(); err != nil || problems.Len() > 0 {
			t.Errorf("%s: %v, stderr %q", format, err, &problems)
		}
	}
}

func TestFollowedLines(t *testing.T) {
	events := []audit.Event{
		{ID: "202611000042-17-9f3a61c2", Row: 17, Outcome: "rejected", Final: true, Status: ptr(403), RecordedAt: at("16:51:00"), UserPrincipalName: ptr("anna@contoso.com"), Error: ptr("Forbidden: no\r\nreally, and at length")},
		{ID: "202611000042-18-0f00ba44", Row: 18, Outcome: "applied", Final: true, Status: ptr(204), RecordedAt: at("16:51:01"), UserStatusID: ptr("s18\x1b[2J")},
	}
	for name, width := range map[string]int{"follow-wide.txt": 0, "follow-120.txt": 120} {
		var out bytes.Buffer
		if err := writeLines(&out, events, evening(width)); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
		fits(t, name, out.String(), width)
	}
}
