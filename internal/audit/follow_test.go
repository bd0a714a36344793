package audit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// followed is what a follower was shown, as "row outcome".
type followed struct {
	shown chan string
	stop  context.CancelFunc
	ended chan error
}

func follow(t *testing.T, a *Audit, f EventFilter) *followed {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &followed{make(chan string, 10_000), stop, make(chan error, 1)}
	go func() {
		w.ended <- a.Follow(ctx, f, time.Millisecond, func(events []Event) error {
			for _, e := range events {
				w.shown <- fmt.Sprintf("%d %s", e.Row, e.Outcome)
			}
			return nil
		})
	}()
	t.Cleanup(w.stop)
	return w
}

// next waits for so many events.
func (w *followed) next(t *testing.T, n int) (events []string) {
	t.Helper()
	for range n {
		select {
		case e := <-w.shown:
			events = append(events, e)
		case err := <-w.ended:
			t.Fatalf("ended after %v: %v", events, err)
		case <-time.After(time.Minute):
			t.Fatalf("only %v were shown", events)
		}
	}
	return events
}

// end stops the follower, who must not have more to say.
func (w *followed) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err := <-w.ended; err != nil {
		t.Error(err)
	}
	close(w.shown)
	for e := range w.shown {
		t.Errorf("was also shown: %s", e)
	}
}

// late is a transaction that has recorded an event and does not commit it yet.
func (w *world) late(run int64, row int) pgx.Tx {
	w.t.Helper()
	tx, err := w.pool.Begin(w.t.Context())
	w.must(err)
	w.t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(w.t.Context())) })
	_, err = tx.Exec(w.t.Context(), `SELECT pg_current_xact_id()`)
	w.must(err)
	_, err = tx.Exec(w.t.Context(), `INSERT INTO audit_event (run, row, outcome) VALUES ($1, $2, 'unknown')`, run, row)
	w.must(err)
	return tx
}

// What is committed late is shown when it is there, and what does not match is not.
func TestFollow(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""}, update{configuration, "s2", ""})
	w.exec(`INSERT INTO audit_event (run, row, outcome) VALUES ($1, 1, 'throttled'), ($1, 1, 'transient'), ($1, 1, 'observed')`, run)
	before := w.late(run, 2)
	f := follow(t, w.audit, EventFilter{Run: run, Limit: 2, Outcomes: []string{"transient", "observed", "unknown"}})
	if diff := cmp.Diff(f.next(t, 2), []string{"1 transient", "1 observed"}); diff != "" {
		t.Errorf("the last ones (-got +want):\n%s", diff)
	}
	for range 5 {
		w.exec(`INSERT INTO audit_event (run, row, outcome) VALUES ($1, 1, 'transient'), ($1, 1, 'throttled')`, run)
		f.next(t, 1)
	}
	w.must(before.Commit(t.Context()))
	if diff := cmp.Diff(f.next(t, 1), []string{"2 unknown"}); diff != "" {
		t.Errorf("recorded before (-got +want):\n%s", diff)
	}
	w.exec(`INSERT INTO audit_event (run, row, outcome) VALUES ($1, 2, 'transient')`, run)
	f.next(t, 1)
	f.end(t)
}

// A transaction may stay open for longer than any time that is waited for, whether it is the last that began to write or not;
// after its end nothing is remembered of what was shown.
func TestFollowedForHours(t *testing.T) {
	w := newWorld(t)
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""}, update{configuration, "s2", ""})
	watch := watch{audit: w.audit, filter: EventFilter{Run: run, Oldest: true, Limit: 1}, shown: map[string]time.Time{}}
	_, err := watch.begin(t.Context())
	w.must(err)
	looks := func() (rows []int) {
		events, err := watch.look(t.Context())
		w.must(err)
		for _, e := range events {
			rows = append(rows, e.Row)
		}
		for i := range watch.marks {
			watch.marks[i].at = watch.marks[i].at.Add(time.Hour)
		}
		return rows
	}
	first, second := w.late(run, 1), w.late(run, 2)
	for range 3 {
		if rows := looks(); rows != nil {
			t.Errorf("shown before they were there: %v", rows)
		}
	}
	w.must(first.Commit(t.Context()))
	if diff := cmp.Diff(looks(), []int{1}); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	for range 3 {
		if rows := looks(); rows != nil {
			t.Errorf("shown again: %v", rows)
		}
	}
	w.must(second.Commit(t.Context()))
	if diff := cmp.Diff(looks(), []int{2}); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	for len(watch.shown) > 0 || len(watch.marks) > 1 { // transactions of the server's other databases may be open as well
		if rows := looks(); rows != nil || t.Context().Err() != nil {
			t.Fatalf("shown again: %v", rows)
		}
	}
}

// A transaction that ends while a look is under way is in neither of its parts: what it recorded is looked for once more.
func TestMarksCountFromTheNextLookOn(t *testing.T) {
	began := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	w := watch{audit: &Audit{}, from: began, shown: map[string]time.Time{"1": began}}
	look := mark{at: began.Add(time.Second), next: 10}
	w.advance(look, 10)
	if !w.from.Equal(began) || len(w.shown) != 1 {
		t.Errorf("events since %s are looked for, %d were shown", w.from, len(w.shown))
	}
	w.advance(mark{at: began.Add(2 * time.Second), next: 10}, 10)
	if !w.from.Equal(look.at) || len(w.shown) != 0 {
		t.Errorf("events since %s are looked for, %d were shown", w.from, len(w.shown))
	}
}

func TestWholeNumbersOfTransactions(t *testing.T) {
	const turn = 1 << 32
	for _, want := range []int64{5, turn - 1, turn, turn + 3, 7*turn - 2, 7*turn + 2} {
		for _, near := range []int64{want - 4, want, want + 4} {
			if got := whole(want%turn, max(near, 3)); got != want {
				t.Errorf("near %d: got %d, want %d", near, got, want)
			}
		}
	}
}

// Under load from many sides, whose transactions overlap, each event is shown exactly once.
func TestFollowUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.audit.slack = 0
	run := w.enqueue(contoso, "users.csv", update{configuration, "s1", ""})
	f := follow(t, w.audit, EventFilter{Run: run, Limit: 1})
	f.next(t, 1) // enqueued
	const writers, rounds, most = 3, 40, 4
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for i := range rounds {
				err := pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), `SELECT pg_current_xact_id()`); err != nil {
						return err
					}
					for k := range most {
						if _, err := tx.Exec(t.Context(), `INSERT INTO audit_event (run, row, outcome) VALUES ($1, $2, 'unknown')`, run, 1+n+writers*(most*i+k)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := f.next(t, writers*rounds*most)
	all.Wait()
	var want []string
	for row := range writers * rounds * most {
		want = append(want, fmt.Sprintf("%d unknown", row+1))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	f.end(t)
}

func TestFollowNoRun(t *testing.T) {
	w := newWorld(t)
	f := follow(t, w.audit, EventFilter{Run: 202611000099, Limit: 1})
	if err := <-f.ended; err == nil || err.Error() != "run 202611000099: no such run" {
		t.Errorf("got %v", err)
	}
}
