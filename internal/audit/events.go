package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// Events returns events, newest first unless the filter says otherwise, one in memory at a time unless there is a limit. Of a
// run or an event that does not exist the only element is ErrNoRun or ErrNoEvent. A connection is held until the last event is
// taken or the loop is left.
func (a *Audit) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := a.events(ctx, f, yield); err != nil {
			yield(Event{}, err)
		}
	}
}

// maxPage is the limit up to which events are found by steps, and held in memory.
const maxPage = 1000

func (a *Audit) events(ctx context.Context, f EventFilter, yield func(Event, error) bool) error {
	// Leaving before the end must not read the rest of ten million rows: a cancelled context drops the connection.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var events []Event
	err := a.inOrder(ctx, func(tx pgx.Tx) error {
		s, err := a.search(ctx, tx, f)
		if err != nil {
			return err
		}
		if f.Limit > 0 && f.Limit <= maxPage {
			events, err = s.page(ctx)
			return err
		}
		if err := s.narrow(ctx); err != nil {
			return err
		}
		return s.stream(ctx, s.whole(), func(e Event) bool { return yield(e, nil) })
	})
	if err != nil && !errors.Is(err, errLeft) {
		return err
	}
	for _, e := range events {
		if !yield(e, nil) {
			return nil
		}
	}
	return nil
}

// errLeft says that whoever took the events wants no more.
var errLeft = errors.New("left")

// walking leaves the planner little but to walk along an index and look up the rest, in the order that is asked for: nothing
// is gathered or sorted that grows with the history. A plan is made for the values at hand, and not compiled, which would take
// longer than a page. The memory is what mostHashed rows take.
const walking = `SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off;
	SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan;
	SET LOCAL work_mem = '32MB'`

// inOrder calls read in a transaction that reads, sees one state of the history, and plans as walking says.
func (a *Audit) inOrder(ctx context.Context, read func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, a.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, walking+"; "+patient); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		return read(tx)
	})
}

func checkRun(ctx context.Context, tx pgx.Tx, run int64) error {
	var exists bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM run WHERE id = $1)`, run).Scan(&exists)
	switch {
	case err != nil:
		return fmt.Errorf("look for run %d: %w", run, err)
	case !exists:
		return noRun(run)
	}
	return nil
}
