package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"graphpatch/internal/proof"
)

// tally are the events of one run in one commit.
type tally struct {
	applied, rejected, failed, unchanged, superseded, moved, missing     int32
	observed, throttled, unauthorized, refused, transient, unknown, late int32
	requests                                                             int32 // that certainly reached the wire
	leaves                                                               leaves
}

func tallyOf(counts map[int64]*tally, run int64) *tally {
	t := counts[run]
	if t == nil {
		t = &tally{}
		counts[run] = t
	}
	return t
}

// settling are the outcomes that only rows are counted with.
var settling = []string{"applied", "rejected", "failed", "unchanged", "superseded"}

// count counts an event by the outcome it is recorded with. One that would settle its row, and may not because the database
// refuses it as a final one, is late: somebody else's final event is there.
func (t *tally) count(e *Event) {
	if e.Settles == "" && slices.Contains(settling, e.Outcome) {
		t.countLate(e)
		return
	}
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
	Link   Link   // of a finished run: where its chain ends
}

// bump adds to the counts of each run and to its chain, last in its transaction and in the order of the runs; the one whose commit
// settles a run's last row finishes the run, and the one that crosses a limit holds it.
func (l *Ledger) bump(ctx context.Context, tx pgx.Tx, counts map[int64]*tally) (changes []Change, err error) {
	for _, run := range sortedRuns(counts) {
		t := counts[run]
		var s score
		content := proof.Content(run, t.leaves.rows, t.leaves.digests)
		err := tx.QueryRow(ctx, `
			WITH bumped AS (
				UPDATE run_count SET
					applied = applied + $5, rejected = rejected + $6, failed = failed + $7, unchanged = unchanged + $8,
					superseded = superseded + $9, observed = observed + $10, throttled = throttled + $11,
					unauthorized = unauthorized + $12, transient = transient + $13, unknown = unknown + $14, late = late + $15,
					requests = requests + $16, refused = refused + $17, moved = moved + $18, missing = missing + $19,
					progress_at = clock_timestamp(), `+chainBump+`
				WHERE run = $1
				RETURNING *
			), linked AS (`+chainLink+`)
			SELECT `+scoreColumns+` FROM bumped`,
			run, content[:], pgtype.FlatArray[int32](t.leaves.rows), pgtype.FlatArray[[]byte](t.leaves.digests),
			t.applied, t.rejected, t.failed, t.unchanged, t.superseded, t.observed, t.throttled,
			t.unauthorized, t.transient, t.unknown, t.late, t.requests, t.refused, t.moved, t.missing).Scan(s.fields()...)
		if err != nil {
			return nil, fmt.Errorf("count events of run %d: %w", run, err)
		}
		var change *Change
		switch {
		case s.settled == s.rows:
			change, err = l.finish(ctx, tx, run, s.link)
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

// finish marks a settled run as finished, unless it was cancelled before its last answer came. link is where its chain
// stands with its last row; the event says so to whoever reads it elsewhere.
func (l *Ledger) finish(ctx context.Context, tx pgx.Tx, run int64, link Link) (*Change, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE run SET state = 'finished', reason = NULL, finished_at = clock_timestamp()
		WHERE id = $1 AND state IN ('planning', 'running', 'held')`, run)
	if err != nil {
		return nil, fmt.Errorf("finish run %d: %w", run, err)
	}
	if tag.RowsAffected() == 0 {
		return nil, nil
	}
	link, err = runEvent(ctx, tx, run, "finished", l.worker, link.String())
	return &Change{Run: run, State: Finished, Link: link}, err
}
