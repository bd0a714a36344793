package jobs

import (
	"fmt"
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/userstatus"
)

// A worker was killed with rows in flight, and its job still counts as running: the next one takes both over. What it left
// is read before it is sent again.
func TestWhatAKilledWorkerLeaves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		applied bool   // the requests had reached Graph
		fault   string // of the reads
		story   string // of row 3, which was in flight
		patches int    // of the rows in flight
	}{
		{"it had been applied", true, "", "unknown unchanged!", 0},
		{"it had not", false, "", "unknown observed applied!", 9},
		{"the read fails", true, "500:status=user-0003", "unknown transient applied!", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, graphsim.Config{})
			const rows = 100
			run := k.enqueue(rows, userstatus.Compliant)
			k.dies(run, 2, 10)
			if c.applied {
				k.tell("statuses", statusesOf(2, 10, userstatus.Compliant))
			}
			if c.fault != "" {
				k.setFaults(strings.Replace(c.fault, ":", ":method=GET:", 1))
			}
			k.start(k.workerFor("alive", "token", fast))
			p := k.await(run, ledger.Finished)
			if p.Applied+p.Unchanged != rows || p.Unknown != 9 {
				t.Errorf("got %+v", p)
			}
			if got := k.outcomes(run, 3); got != c.story {
				t.Errorf("a row in flight at the kill: got %q, want %q", got, c.story)
			}
			if got := k.outcomes(run, 50); got != "applied!" {
				t.Errorf("a row that was not: got %q", got)
			}
			sent := 0
			for _, r := range k.sim.Requests() {
				if r.Method == "PATCH" && strings.Contains(r.Path, "user-") && r.Path[len(r.Path)-4:] >= "0002" && r.Path[len(r.Path)-4:] <= "0010" {
					sent++
				}
			}
			if sent != c.patches {
				t.Errorf("%d rows were sent again, want %d", sent, c.patches)
			}
			k.checkStatuses(rows, userstatus.Compliant)
			k.checkBooks(run, rows)
		})
	}
}

// The canary itself was in flight: when it reads back as it was sent, it has passed, and is not sent again.
func TestKilledCanary(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(30, userstatus.Compliant)
	k.dies(run, 1, 1)
	// As long as the row counts as in flight, the next one is the canary.
	if _, err := k.books.TakeOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.tell("statuses", statusesOf(1, 1, userstatus.Compliant))
	k.start(k.workerFor("alive", "token", fast))
	if p := k.await(run, ledger.Finished); p.Applied != 29 || p.Unchanged != 1 {
		t.Errorf("got %+v", p)
	}
	if got := strings.Join(k.methods()[:2], " "); got != "GET PATCH" {
		t.Errorf("got %s first", got)
	}
	if got := k.outcomes(run, 1); got != "unknown unchanged!" {
		t.Errorf("got %q", got)
	}
	if c := k.run(run).Canary; c != ledger.CanaryPassed {
		t.Errorf("the canary is %s", c)
	}
	k.checkBooks(run, 30)
}

// dies leaves behind what a worker does that claims these rows of a run's first slice and is killed.
func (k *kit) dies(run int64, first, last int32) {
	k.t.Helper()
	dead := ledger.New(k.newPool(postgres.LedgerConfig(2)), "dead")
	r, err := dead.Run(k.t.Context(), run)
	if err != nil {
		k.t.Fatal(err)
	}
	open, err := dead.Open(k.t.Context(), r, first, last)
	if err != nil {
		k.t.Fatal(err)
	}
	if _, _, err := dead.Claim(k.t.Context(), r, wishes(open)); err != nil {
		k.t.Fatal(err)
	}
	k.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '61 s', attempted_by = '{dead}' WHERE kind = 'slice'`)
	k.exec(`UPDATE in_flight SET since = since - interval '91 s'`)
}

// statusesOf are the statuses of some users, for the simulator to begin with.
func statusesOf(first, last int, status userstatus.ComplianceStatus) string {
	all := make([]string, 0, last-first+1)
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprintf(`{"configuration":"c","id":"%s","properties":{"status":"%s"}}`, user(n), status))
	}
	return "[" + strings.Join(all, ",") + "]"
}
