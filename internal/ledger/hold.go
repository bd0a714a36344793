package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/proof"
)

// Hold makes a run stand still: nothing of it is read or claimed any more; what is in flight is finished.
func (l *Ledger) Hold(ctx context.Context, run int64, actor, reason string) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		return setState(ctx, tx, run, Held, actor, reason, Planning, Running)
	})
}

// Release lets a held run go on: it is planning then, when its rows have not been planned or not for a day, otherwise running.
// The caller sees to it that its plan or its OpenSlices have jobs. Who releases the run knows: a canary that failed is waived,
// failures count anew, and when the canary's rows are settled the others may be sent.
func (l *Ledger) Release(ctx context.Context, run int64, actor, reason string) error {
	return l.release(ctx, run, false, actor, reason)
}

// ReleaseBlind is Release without a plan: what is open is sent as it is.
func (l *Ledger) ReleaseBlind(ctx context.Context, run int64, actor, reason string) error {
	return l.release(ctx, run, true, actor, reason)
}

func (l *Ledger) release(ctx context.Context, run int64, blind bool, actor, reason string) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		// First the counts, then the run: the order of whoever settles rows.
		_, err := tx.Exec(ctx, `
			UPDATE run_count SET waived_settled = settled, waived_failures = rejected + failed,
			       canary_rows = CASE WHEN settled < coalesce(canary_settled, canary_rows)
			           OR (SELECT NOT blind AND planned_at IS NULL FROM run WHERE id = $1) THEN canary_rows END
			WHERE run = $1`, run)
		if err != nil {
			return fmt.Errorf("waive the failures of run %d: %w", run, err)
		}
		r, err := lockRun(ctx, tx, run, "FOR UPDATE")
		if err != nil {
			return err
		}
		to := Running
		if r.State == Held {
			if to, err = replan(ctx, tx, run, blind); err != nil {
				return err
			}
		}
		return setState(ctx, tx, run, to, actor, reason, Held)
	})
}

// Cancel ends a run: its open rows are settled by its state and never sent.
func (l *Ledger) Cancel(ctx context.Context, run int64, actor, reason string) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		return setState(ctx, tx, run, Cancelled, actor, reason, Planning, Running, Held)
	})
}

// asked is what a state is called when somebody asks for it, and the event that records it.
var asked = map[State]string{Held: "held", Planning: "released", Running: "released", Cancelled: "cancelled"}

func setState(ctx context.Context, tx pgx.Tx, id int64, to State, actor, reason string, from ...State) error {
	// First the counts, whose row has the chain's end, then the run: the order of whoever settles rows.
	if _, err := tx.Exec(ctx, `SELECT FROM run_count WHERE run = $1 FOR UPDATE`, id); err != nil {
		return fmt.Errorf("lock the counts of run %d: %w", id, err)
	}
	run, err := lockRun(ctx, tx, id, "FOR UPDATE")
	if err != nil {
		return err
	}
	if !slices.Contains(from, run.State) {
		return &StateError{Run: id, State: run.State, Reason: run.Reason, Asked: to}
	}
	_, err = tx.Exec(ctx, `
		UPDATE run SET state = $2, reason = CASE WHEN $2 IN ('planning', 'running') THEN NULL ELSE nullif($3, '') END,
		       canary = CASE WHEN $2 IN ('planning', 'running') AND canary = 'failed' THEN 'waived' ELSE canary END,
		       finished_at = CASE WHEN $2 = 'cancelled' THEN clock_timestamp() END
		WHERE id = $1`, id, to, clean(reason))
	if err != nil {
		return fmt.Errorf("set the state of run %d: %w", id, err)
	}
	_, err = runEvent(ctx, tx, id, asked[to], actor, reason)
	return err
}

// runEvent records an event of the run itself: row 0. It returns the link of the run's chain that has it.
func runEvent(ctx context.Context, tx pgx.Tx, run int64, outcome, actor, reason string) (Link, error) {
	rows, err := tx.Query(ctx, `
		INSERT INTO audit_event (run, row, outcome, actor, error) VALUES ($1, 0, $2, nullif($3, ''), nullif($4, ''))
		RETURNING `+wholeEvent, inBinary, run, outcome, clean(actor), clean(reason))
	if err != nil {
		return Link{}, fmt.Errorf("record that run %d was %s: %w", run, outcome, err)
	}
	leaf, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (proof.Digest, error) { return eventLeaf(row.RawValues()), nil })
	if err != nil {
		return Link{}, fmt.Errorf("record that run %d was %s: %w", run, outcome, err)
	}
	var l leaves
	l.add(0, leaf)
	return extend(ctx, tx, run, &l)
}
