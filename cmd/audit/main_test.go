package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/cli"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/userstatus"
)

// beAudit in the environment makes the test binary the program: as real as a built one, with the race detector in it,
// and nothing to build.
const beAudit = "AUDIT_TEST_BE_AUDIT"

func TestMain(m *testing.M) {
	if os.Getenv(beAudit) != "" {
		main()
	}
	time.Local = time.UTC // the zone of whoever runs the tests must not matter
	pgtest.Main(m)
}

// program runs audit against a database.
type program struct {
	t   *testing.T
	url string
}

// execute runs it as a process of its own.
func (p program) execute(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	executable, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	command := exec.CommandContext(p.t.Context(), executable, args...)
	command.Env = append(os.Environ(), beAudit+"=1", "DATABASE_URL="+p.url)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err = command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		p.t.Fatal(err)
	}
	return out.String(), problems.String(), command.ProcessState.ExitCode()
}

// tenant is whose statuses the tests' runs are for.
var tenant = uuid.MustParse("11111111-1111-4111-8111-111111111111")

// written is a database with one run of four rows: one applied, one rejected, one in flight, one untouched. Its times
// are fixed.
func written(t *testing.T) (p program, run int64) {
	t.Helper()
	db := pgtest.New(t)
	pool := db.Pool(t)
	if _, err := jobs.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	books := ledger.New(pool, "worker-1")
	run = 202611000042
	n := ledger.NewRun{
		ID: run, Kind: "csv", Name: "users.csv", Actor: "anna@desk", Tenant: tenant, Priority: 2, Blind: true,
		Source: map[string]any{
			"file": "users.csv", "bytes": 4096, "sha256": strings.Repeat("ab", 32), "encoding": "UTF-8", "delimiter": ";",
			"columns": []string{"userStatusId", "devicesCount"},
		},
	}
	change(t, pool, `SELECT make_month(202611)`)
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := ledger.Import(t.Context(), tx, n, rows())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	work(t, books, run)
	fixTimes(t, pool)
	return program{t, db.URL}, run
}

func rows() iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		for i := range int32(4) {
			row := userstatus.Row{Number: i + 1, Line: int64(i + 2)}
			row.Update.Target = userstatus.Target{Tenant: tenant, Route: "plain", ConfigurationID: "c1", StatusID: fmt.Sprintf("s%d", i+1)}
			row.Update.Wanted.DevicesCount = userstatus.Of(i)
			if i == 1 {
				// A name that would clear the screen and forge a line.
				row.Update.Wanted.UserPrincipalName = userstatus.Of("eve\x1b[2J\n@contoso.com")
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// work claims the first three rows and records answers to two.
func work(t *testing.T, books *ledger.Ledger, run int64) {
	t.Helper()
	r, err := books.Run(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	open, err := books.Open(t.Context(), r, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range open {
		id := uuid.MustParse(fmt.Sprintf("cccccccc-0000-4000-8000-%012d", i+1))
		claims, _, err := books.Claim(t.Context(), r, []ledger.Wish{{Row: &open[i], ID: id}})
		if err != nil {
			t.Fatal(err)
		}
		event := ledger.Event{
			Run: run, Row: open[i].Row, Key: open[i].Key, ID: id, Outcome: "applied", Settles: "applied", Status: 204,
			SentAt: at("10:00:00"), Elapsed: 12_500_000, Method: "PATCH", URL: "https://graph.example/s" + fmt.Sprint(i+1),
			RequestBody: claims[0].Send.Body(), ResponseHeaders: []byte("Date: now\r\nRequest-Id: r\r\n"), RequestID: fmt.Sprintf("r%d", i+1),
		}
		if i == 1 {
			event.Outcome, event.Settles, event.Status, event.Error = "rejected", "rejected", 403, "Forbidden: <not> \x1b]0;for you\x07"
			event.ResponseBody = []byte{'{', 0xff, 0x1b, '}'}
		}
		if i == 2 {
			return
		}
		if _, _, err := books.Record(t.Context(), []ledger.Event{event}); err != nil {
			t.Fatal(err)
		}
	}
}

// fixTimes sets what the database's clock has said.
func fixTimes(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	change(t, pool, `UPDATE run SET created_at = '2026-11-23T09:59:58Z'`)
	change(t, pool, `UPDATE run_count SET progress_at = '2026-11-23T10:00:02Z', digest = sha256('')`)
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `UPDATE audit_event SET recorded_at = '2026-11-23T10:00:00Z'::timestamptz + make_interval(secs => row)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// at is a time of the tests' day, UTC.
func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, "2026-11-23T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return t
}

// run parses a command line and runs it here, in UTC.
func (p program) run(args ...string) (string, error) {
	p.t.Helper()
	parser, err := kong.New(&grammar{})
	if err != nil {
		p.t.Fatal(err)
	}
	command, err := parser.Parse(append(args, "--database-url", p.url))
	if err != nil {
		p.t.Fatal(err)
	}
	command.BindTo(p.t.Context(), (*context.Context)(nil))
	var out, problems bytes.Buffer
	err = command.Run(cli.Streams{Out: &out, Err: &problems})
	if problems.Len() > 0 {
		p.t.Errorf("audit %s: on stderr %q", strings.Join(args, " "), &problems)
	}
	return out.String(), err
}

var update = flag.Bool("update", false, "write what the program says to testdata")

// golden compares what the program says with a file of testdata, to the letter.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", name, diff)
	}
}
