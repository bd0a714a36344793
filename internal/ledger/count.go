package ledger

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// tally are the events of one run in one commit.
type tally struct {
	applied, rejected, failed, unchanged, superseded, moved, missing     int32
	observed, throttled, unauthorized, refused, transient, unknown, late int32
	requests                                                             int32 // that certainly reached the wire
}

func tallyOf(counts map[int64]*tally, run int64) *tally {
	t := counts[run]
	if t == nil {
		t = &tally{}
		counts[run] = t
	}
	return t
}

// count counts an event by the outcome it is recorded with.
func (t *tally) count(e *Event) {
	t.add(cmp.Or(e.Settles, e.Outcome))
	t.countRequest(e)
}

func (t *tally) countLate(e *Event) {
	t.late++
	t.countRequest(e)
}

func (t *tally) countRequest(e *Event) {
	if e.Method != "" {
		t.requests++
	}
}

func (t *tally) add(outcome string) { *t.counter(outcome)++ }

func (t *tally) counter(outcome string) *int32 {
	switch outcome {
	case "applied":
		return &t.applied
	case "rejected":
		return &t.rejected
	case "failed":
		return &t.failed
	case "unchanged":
		return &t.unchanged
	case "superseded":
		return &t.superseded
	case "moved":
		return &t.moved
	case "missing":
		return &t.missing
	case "observed":
		return &t.observed
	case "throttled":
		return &t.throttled
	case "unauthorized":
		return &t.unauthorized
	case "refused":
		return &t.refused
	case "transient":
		return &t.transient
	case "unknown":
		return &t.unknown
	case "late":
		return &t.late
	}
	panic("ledger: an outcome without a count: " + outcome)
}

// Change is the state that a commit brought a run into: finished with its last row, or held by the brake.
type Change struct {
	Run    int64
	State  State
	Reason string // of a held run
	Asked  bool   // held because a canary was asked for, not because something went wrong
}

// bump adds to the counts of each run, last in its transaction and in the order of the runs; the one whose commit
// settles a run's last row finishes the run, and the one that crosses a limit holds it.
func (l *Ledger) bump(ctx context.Context, tx pgx.Tx, counts map[int64]*tally) (changes []Change, err error) {
	for _, run := range sortedRuns(counts) {
		t := counts[run]
		var s score
		err := tx.QueryRow(ctx, `
			UPDATE run_count SET
				applied = applied + $2, rejected = rejected + $3, failed = failed + $4, unchanged = unchanged + $5,
				superseded = superseded + $6, observed = observed + $7, throttled = throttled + $8,
				unauthorized = unauthorized + $9, transient = transient + $10, unknown = unknown + $11, late = late + $12,
				requests = requests + $13, refused = refused + $14, moved = moved + $15, missing = missing + $16,
				progress_at = clock_timestamp()
			WHERE run = $1
			RETURNING `+scoreColumns, run, t.applied, t.rejected, t.failed, t.unchanged, t.superseded, t.observed, t.throttled,
			t.unauthorized, t.transient, t.unknown, t.late, t.requests, t.refused, t.moved, t.missing).Scan(s.fields()...)
		if err != nil {
			return nil, fmt.Errorf("count events of run %d: %w", run, err)
		}
		var change *Change
		switch {
		case s.settled == s.rows:
			change, err = l.finish(ctx, tx, run)
		case s.limits.exceeded(s.newSettled, s.newFailures), s.canaryRows > 0 && s.settled >= s.canarySettled:
			change, err = l.brake(ctx, tx, run, s)
		}
		if err != nil {
			return nil, err
		}
		if change != nil {
			changes = append(changes, *change)
		}
	}
	return changes, nil
}

// finish marks a settled run as finished, unless it was cancelled before its last answer came.
func (l *Ledger) finish(ctx context.Context, tx pgx.Tx, run int64) (*Change, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE run SET state = 'finished', reason = NULL, finished_at = clock_timestamp()
		WHERE id = $1 AND state IN ('planning', 'running', 'held')`, run)
	if err != nil {
		return nil, fmt.Errorf("finish run %d: %w", run, err)
	}
	if tag.RowsAffected() == 0 {
		return nil, nil
	}
	return &Change{Run: run, State: Finished}, runEvent(ctx, tx, run, "finished", l.worker, "")
}
