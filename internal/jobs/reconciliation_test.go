package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
)

// everySecond is what no cron expression says, so that a test need not wait for a minute.
type everySecond struct{}

func (everySecond) Next(t time.Time) time.Time { return t.Truncate(time.Second).Add(time.Second) }

// never is a schedule whose time does not come.
type never struct{}

func (never) Next(time.Time) time.Time { return time.Time{} }

const usersCSV = "deviceConfigurationId,userStatusId,status\nc,u1,compliant\nc,u2,error\n"

func reconciliation(t *testing.T, text string) (r Reconciliation, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Reconciliation{
		Name: "nightly", Tenant: tenant, Times: everySecond{}, CatchUp: true, Table: CSVFile{Path: file},
		Properties: []string{"status"}, Priority: 2,
	}, file
}

func (k *kit) one(sql string, args ...any) string {
	k.t.Helper()
	var got string
	if err := k.pool.QueryRow(k.t.Context(), sql, args...).Scan(&got); err != nil {
		k.t.Fatal(sql, err)
	}
	return got
}

func (k *kit) until(what string, ok func() bool) {
	k.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.t.Fatalf("waited a minute: %s", what)
		}
	}
}

// Three workers watch the same schedule, whose times come faster than its runs end: each firing has one run, no two are under
// way at once, and each run is worked.
func TestScheduleFiresOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	r, _ := reconciliation(t, usersCSV)
	k.schedule = []Reconciliation{r}
	for i := range 3 {
		k.start(k.workerFor(fmt.Sprintf("worker-%d", i), "token", fast))
	}
	k.until("three firings are over", func() bool {
		return k.one(`SELECT (count(*) >= 3)::text FROM run WHERE kind = 'reconcile' AND state = 'finished'`) == "true"
	})
	if got := k.one(`SELECT count(*)::text FROM (SELECT run FROM firing WHERE run IS NOT NULL GROUP BY run HAVING count(*) > 1) twice`); got != "0" {
		t.Errorf("%s runs belong to two firings", got)
	}
	if got := k.one(`SELECT count(*)::text FROM run r WHERE kind = 'reconcile' AND NOT EXISTS (SELECT FROM firing f WHERE f.run = r.id)`); got != "0" {
		t.Errorf("%s runs belong to no firing", got)
	}
	// A firing waits for the run of the last one.
	if got := k.one(`SELECT count(*)::text FROM firing later, firing earlier JOIN run ON run.id = earlier.run
		WHERE later.claimed_at > earlier.claimed_at AND later.claimed_at < coalesce(run.finished_at, 'infinity')`); got != "0" {
		t.Errorf("%s firings began while a run was open", got)
	}
}

// What no firing may bring in, and what is said of it.
func TestReconciliationRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	for _, c := range []struct {
		what, text, want string
		change           func(*Reconciliation)
	}{
		{"nothing in it", "", "is empty", nil},
		{"no rows", "deviceConfigurationId,userStatusId,status\n", "no rows", nil},
		{"no column for what it keeps in step", "deviceConfigurationId,userStatusId,devicesCount\nc,u1,1\n", "has no column for status", nil},
		{"a fault", "deviceConfigurationId,userStatusId,status\nc,u1,compliantt\n", `"compliantt"`, nil},
		{"old", usersCSV, "older than max-age 1h0m0s allows", func(r *Reconciliation) { r.MaxAge = time.Hour }},
	} {
		t.Run(c.what, func(t *testing.T) {
			r, file := reconciliation(t, c.text)
			r.Name = strings.ReplaceAll(c.what, " ", "-")
			if c.change != nil {
				c.change(&r)
				old := time.Now().Add(-2 * time.Hour)
				if err := os.Chtimes(file, old, old); err != nil {
					t.Fatal(err)
				}
			}
			claim := k.claim(r)
			_, _, err := k.enqueuer.Reconcile(t.Context(), r, claim, "tester")
			if !errors.As(err, new(*RefusedError)) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a refusal that says %s", err, c.want)
			}
			if got := k.one(`SELECT outcome || ': ' || problem FROM firing WHERE name = $1`, r.Name); !strings.HasPrefix(got, "refused: ") || !strings.Contains(got, c.want) {
				t.Errorf("the firing says %s", got)
			}
		})
	}
	if got := k.one(`SELECT count(*)::text FROM run`); got != "0" {
		t.Errorf("%s runs came in", got)
	}
}

func (k *kit) claim(r Reconciliation) ledger.FiringClaim {
	k.t.Helper()
	claim, err := k.books.ClaimFiring(k.t.Context(), r.Name, "tester", func(s ledger.Schedule) ledger.Due {
		return ledger.Due{At: s.Now, Fire: true}
	}, func(pgx.Tx, ledger.FiringClaim) error { return nil })
	if err != nil || claim == nil {
		k.t.Fatal(claim, err)
	}
	return *claim
}

// A process that was taken for dead wakes up in the middle of its firing: it brings nothing in, and the one that took over
// brings one run in.
func TestFiringIsFenced(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	r, _ := reconciliation(t, usersCSV)
	first := k.claim(r)
	if _, err := k.pool.Exec(t.Context(), `UPDATE schedule SET alive_at = alive_at - interval '61 s'`); err != nil {
		t.Fatal(err)
	}
	second, err := k.books.ClaimFiring(t.Context(), r.Name, "schedule", func(s ledger.Schedule) ledger.Due {
		return dueNow(never{}, true, s)
	}, func(pgx.Tx, ledger.FiringClaim) error { return nil })
	if err != nil || second == nil || !second.Due.Equal(first.Due) {
		t.Fatal(second, err)
	}
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i, claim := range []ledger.FiringClaim{first, *second} {
		both.Go(func() { _, _, errs[i] = k.enqueuer.Reconcile(t.Context(), r, claim, "tester") })
	}
	both.Wait()
	if !errors.Is(errs[0], ledger.ErrFenced) || errs[1] != nil {
		t.Errorf("got %v, want the first to be fenced and the second to pass", errs)
	}
	if got := k.one(`SELECT count(*)::text FROM run`); got != "1" {
		t.Errorf("%s runs came in", got)
	}
	if got := k.one(`SELECT count(*)::text || ' ' || min(outcome) FROM firing`); got != "1 enqueued" {
		t.Errorf("firings: %s", got)
	}
}

// Fenced only in the last moment: the import is done but for its commit, which takes everything back.
func TestFencedImportLeavesNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	r, _ := reconciliation(t, usersCSV)
	claim := k.claim(r)
	claim.Fence--
	_, _, err := k.enqueuer.reconcile(t.Context(), r, &claim, "tester")
	if !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("got %v", err)
	}
	if got := k.one(`SELECT (SELECT count(*) FROM run)::text || (SELECT count(*) FROM status_update)::text || (SELECT count(*) FROM river_job)::text`); got != "000" {
		t.Errorf("runs, rows, jobs: %s", got)
	}
}
