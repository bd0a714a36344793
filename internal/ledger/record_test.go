package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

// The answer to a COMMIT was lost, so the same batch is written again: nothing is there twice.
func TestRecordTwice(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant), want(2, userstatus.Compliant), want(3, userstatus.Compliant))
	claims := k.claimAll(run)
	events := []Event{
		answer(run, claims[0], "applied", "applied"),
		answer(run, claims[1], "transient", "failed"),
		answer(run, claims[2], "transient", ""),
	}
	k.record(events...)
	before := k.progress(run)
	got := k.record(events...)
	if diff := cmp.Diff([]Recorded{{Late: true}, {Late: true}, {Late: true}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, k.progress(run)); diff != "" {
		t.Errorf("counts moved (-before +after):\n%s", diff)
	}
	for row, want := range map[int32][]string{1: {"applied!"}, 2: {"failed!"}, 3: {"transient"}} {
		if got := k.events(run, row); !slices.Equal(got, want) {
			t.Errorf("row %d: got %v, want %v", row, got, want)
		}
	}
	if n := k.count(`SELECT late FROM run_count WHERE run = $1`, run.ID); n != 0 {
		t.Errorf("%d counted as late", n)
	}
}

// A worker taken for dead wakes up: its answer, before, during and after the takeover of its row.
func TestAnswerOfAZombie(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		k := newKit(t)
		run := k.imported(want(1, userstatus.Compliant))
		c := k.claimOne(run)
		k.age()
		k.record(answer(run, c, "applied", "applied"))
		if n, err := k.as("worker-2").TakeOver(t.Context()); n != 0 || err != nil {
			t.Errorf("took %d over, %v", n, err)
		}
		if got := k.events(run, 1); !slices.Equal(got, []string{"applied!"}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("during its own commit", func(t *testing.T) {
		k := newKit(t)
		run := k.imported(want(1, userstatus.Compliant))
		c := k.claimOne(run)
		k.age()
		tx := k.begin()
		if _, _, err := k.Ledger.record(t.Context(), tx, []Event{answer(run, c, "applied", "applied")}); err != nil {
			t.Fatal(err)
		}
		if n, err := k.as("worker-2").TakeOver(t.Context()); n != 0 || err != nil {
			t.Errorf("took %d over that is being recorded, %v", n, err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := k.events(run, 1); !slices.Equal(got, []string{"applied!"}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("during the takeover", func(t *testing.T) {
		k := newKit(t)
		run := k.imported(want(1, userstatus.Compliant))
		c := k.claimOne(run)
		tx := k.begin()
		if _, err := tx.Exec(t.Context(), `DELETE FROM in_flight WHERE client_request_id = $1`, c.ID); err != nil {
			t.Fatal(err)
		}
		late := make(chan []Recorded, 1)
		go func() {
			recorded, _, err := k.Record(t.Context(), []Event{answer(run, c, "applied", "applied")})
			if err != nil {
				t.Error(err)
			}
			late <- recorded
		}()
		k.awaitBlocked(1)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Recorded{{Late: true}}, <-late); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := k.events(run, 1); !slices.Equal(got, []string{"applied"}) {
			t.Errorf("got %v, want the answer kept and not final", got)
		}
	})
	t.Run("after", func(t *testing.T) {
		k := newKit(t)
		run := k.imported(want(1, userstatus.Compliant))
		c := k.claimOne(run)
		k.age()
		if n, err := k.as("worker-2").TakeOver(t.Context()); n != 1 || err != nil {
			t.Fatalf("took %d over, %v", n, err)
		}
		open := k.open(run)
		if open[0].Past.Charged != 1 || open[0].Past.Last != "unknown" {
			t.Errorf("got past %+v, want one unknown answer", open[0].Past)
		}
		again := k.claimOne(run) // worker-2 works it
		k.record(answer(run, c, "applied", "applied"))
		k.record(answer(run, again, "applied", "applied"))
		if got := k.events(run, 1); !slices.Equal(got, []string{"unknown", "applied", "applied!"}) {
			t.Errorf("got %v", got)
		}
		if n := k.count(`SELECT late FROM run_count WHERE run = $1`, run.ID); n != 1 {
			t.Errorf("%d counted as late, want 1", n)
		}
	})
}

func TestTakeOverLeavesTheLivingAlone(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	c := k.claimOne(run)
	k.exec(`UPDATE in_flight SET since = since - interval '85 s'`)
	if n, err := k.TakeOver(t.Context()); n != 0 || err != nil {
		t.Errorf("took %d over within the lease, %v", n, err)
	}
	if got := k.record(answer(run, c, "applied", "applied")); !got[0].Settled {
		t.Errorf("got %+v", got)
	}
}

// One event that the database refuses must not keep the others from being recorded.
func TestBadEventAmongGoodOnes(t *testing.T) {
	k := newKit(t)
	var updates []userstatus.Update
	for user := range 9 {
		updates = append(updates, want(user, userstatus.Compliant))
	}
	run := k.imported(updates...)
	claims := k.claimAll(run)
	events := make([]Event, len(claims))
	for i, c := range claims {
		events[i] = answer(run, c, "applied", "applied")
	}
	events[4].Error = "hostile \x00 and \xff bytes" // cleaned, not refused
	// Row 7 has a final event already, however that came about.
	k.exec(`INSERT INTO audit_event (run, row, outcome, final) VALUES ($1, 7, 'rejected', true)`, run.ID)
	recorded := k.record(events...)
	for i, r := range recorded {
		if wantSettled := i != 6; r.Settled != wantSettled {
			t.Errorf("row %d: got %+v", i+1, r)
		}
	}
	if got := k.events(run, 7); !slices.Equal(got, []string{"rejected!", "applied"}) {
		t.Errorf("row 7: got %v, want the answer kept and not final", got)
	}
	if applied, late := k.progress(run).Applied, k.count(`SELECT late FROM run_count WHERE run = $1`, run.ID); applied != 8 || late != 1 {
		t.Errorf("%d rows are counted as applied and %d answers as late, want 8 and 1", applied, late)
	}
	var kept string
	if err := k.pool.QueryRow(t.Context(), `SELECT error FROM audit_event WHERE run = $1 AND row = 5`, run.ID).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if want := "hostile \uFFFD and \uFFFD bytes"; kept != want {
		t.Errorf("got error %q, want %q", kept, want)
	}
}

// What the database takes in no form must not keep the others waiting for ever.
func TestUnrecordableEvent(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant), want(2, userstatus.Compliant))
	claims := k.claimAll(run)
	bad := answer(run, claims[0], "applied", "applied")
	bad.Run = 190001000001 // no month has this partition
	recorded := k.record(bad, answer(run, claims[1], "applied", "applied"))
	if recorded[0].Refused == nil || !recorded[1].Settled {
		t.Errorf("got %+v", recorded)
	}
	if n := k.count(`SELECT count(*) FROM in_flight WHERE client_request_id = $1`, claims[0].ID); n != 1 {
		t.Error("what could not be recorded is no longer in flight: nothing would name it")
	}
}

// A late answer is no attempt of its own, and does not hide what came after the takeover.
func TestPastCountsAttempts(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	first := k.claimOne(run)
	k.age()
	if _, err := k.TakeOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.record(answer(run, first, "transient", ""))
	k.record(answer(run, k.claimOne(run), "throttled", ""))
	if past := k.open(run)[0].Past; past.Charged != 1 || past.Last != "throttled" {
		t.Errorf("got %+v, want one charged attempt and the throttled one last", past)
	}
}

func TestAuditIsAppendOnly(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	k.settle(run, "applied")
	month := run.ID / 1_000_000
	for _, table := range []string{"audit_event", "status_update"} {
		for _, sql := range []string{
			`UPDATE ` + table + ` SET run = run`,
			`DELETE FROM ` + table,
			`TRUNCATE ` + table,
		} {
			for _, sql := range []string{sql, strings.Replace(sql, table, fmt.Sprintf("%s_%d", table, month), 1)} {
				if _, err := k.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: got %v, want it refused", sql, err)
				}
			}
		}
	}
}

// Four workers, two runs over the same users, everything in random order: every row ends once, the counts add up, no
// transaction deadlocks.
func TestWorkersTogether(t *testing.T) {
	k := newKit(t)
	const users = 60
	var first, second []userstatus.Update
	for user := range users {
		first = append(first, want(user, userstatus.Compliant))
		second = append(second, want(user, userstatus.Error))
	}
	runs := []Run{k.imported(first...), k.imported(second...)}
	var workers sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		workers.Go(func() { workAll(t, k.as(name), runs) })
	}
	workers.Wait()
	for i, run := range runs {
		p := k.progress(run)
		if p.State != Finished || p.Settled != users || p.Applied+p.Superseded != users {
			t.Errorf("run %d: got %+v", i+1, p)
		}
		if n := k.count(`SELECT count(DISTINCT row) FROM audit_event WHERE run = $1 AND final`, run.ID); n != users {
			t.Errorf("run %d: %d rows with a final event, want %d", i+1, n, users)
		}
	}
	if p := k.progress(runs[1]); p.Superseded != 0 {
		t.Errorf("%d rows of the newer run were superseded", p.Superseded)
	}
	if n := k.count(`SELECT count(*) FROM in_flight`); n != 0 {
		t.Errorf("%d rows are left in flight", n)
	}
	// Of each user the newer value must have been sent last, if the older one was sent at all.
	wrong := k.count(`
		SELECT count(*) FROM audit_event o JOIN audit_event n ON n.row = o.row AND n.run = $2 AND n.final
		WHERE o.run = $1 AND o.outcome = 'applied' AND o.sent_at > n.sent_at`, runs[0].ID, runs[1].ID)
	if wrong != 0 {
		t.Errorf("%d older values were sent after newer ones", wrong)
	}
}

func workAll(t *testing.T, l *Ledger, runs []Run) {
	for {
		left := 0
		for _, run := range runs {
			open, err := l.Open(t.Context(), run, 1, SliceRows)
			if err != nil {
				t.Error(err)
				return
			}
			left += len(open)
			rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
			claims, _, err := l.Claim(t.Context(), run, wishesFor(open[:min(len(open), 7)]))
			if err != nil {
				t.Error(err)
				return
			}
			var events []Event
			for _, c := range claims {
				if c.Fate == Claimed {
					events = append(events, answer(run, c, "applied", "applied"))
				}
			}
			if _, _, err := l.Record(t.Context(), events); err != nil {
				t.Error(err)
				return
			}
		}
		if left == 0 {
			return
		}
	}
}

func TestStates(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	release := func() error {
		return k.Release(t.Context(), run.ID, "me", "")
	}
	hold := func() error { return k.Hold(t.Context(), run.ID, "me", "to be looked at") }
	cancel := func() error { return k.Cancel(t.Context(), run.ID, "me", "a mistake") }
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"release a running run", release, "is running already"},
		{"hold", hold, ""},
		{"hold again", hold, "is held already: to be looked at"},
		{"release", release, ""},
		{"cancel", cancel, ""},
		{"cancel again", cancel, "is cancelled already"},
		{"release a cancelled run", release, "is cancelled and cannot be released"},
	} {
		err := step.do()
		if (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: got %v, want %q", step.name, err, step.want)
		}
	}
	if got := k.events(run, 0); !slices.Equal(got, []string{"enqueued", "held", "released", "cancelled"}) {
		t.Errorf("got %v", got)
	}
	if p := k.progress(run); p.State != Cancelled || p.Reason != "a mistake" {
		t.Errorf("got %+v", p)
	}
	if err := k.Hold(t.Context(), 1, "me", ""); err == nil || !strings.Contains(err.Error(), "no such run") {
		t.Errorf("got %v, want no such run", err)
	}
}

func TestStalled(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	stalled := func() []int64 {
		t.Helper()
		runs, err := k.Stalled(t.Context(), 3*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	if got := stalled(); len(got) != 0 {
		t.Errorf("got %v right after the import", got)
	}
	k.exec(`UPDATE run_count SET progress_at = progress_at - interval '4 min', looked_at = looked_at - interval '4 min'`)
	if got := stalled(); !slices.Equal(got, []int64{run.ID}) {
		t.Errorf("got %v, want run %d", got, run.ID)
	}
	if got := stalled(); len(got) != 0 {
		t.Errorf("got %v again at once", got)
	}
}
