package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Canary is how far a run has come with its first rows. Until one was applied and read back as it was sent, they are sent
// one at a time.
type Canary string

// The stages of a canary. A failed one holds the run; whoever releases it waives the canary.
const (
	CanaryPending Canary = "pending"
	CanaryPassed  Canary = "passed"
	CanaryFailed  Canary = "failed"
	CanaryWaived  Canary = "waived"
)

// PassCanary notes in the caller's transaction that the run's pending canary has passed, and returns the run as it is
// then.
func PassCanary(ctx context.Context, tx pgx.Tx, id int64) (Run, error) {
	if _, err := tx.Exec(ctx, `UPDATE run SET canary = 'passed' WHERE id = $1 AND canary = 'pending'`, id); err != nil {
		return Run{}, fmt.Errorf("note that the canary of run %d has passed: %w", id, err)
	}
	return getRun(ctx, tx, id)
}

// HoldForCanary holds a running run whose canary failed.
func (l *Ledger) HoldForCanary(ctx context.Context, run int64, actor, reason string) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if err := setState(ctx, tx, run, Held, actor, reason, Running); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE run SET canary = 'failed' WHERE id = $1 AND canary = 'pending'`, run); err != nil {
			return fmt.Errorf("note that the canary of run %d failed: %w", run, err)
		}
		return nil
	})
}

// SetWaiting says what a planning or running run waits for; "" when it goes on. Of a run that stands still nothing is changed.
func (l *Ledger) SetWaiting(ctx context.Context, run int64, reason string) error {
	_, err := l.pool.Exec(ctx, `
		UPDATE run SET reason = nullif($2, '') WHERE id = $1 AND state IN ('planning', 'running') AND reason IS DISTINCT FROM nullif($2, '')`, run, clean(reason))
	if err != nil {
		return fmt.Errorf("note what run %d waits for: %w", run, err)
	}
	return nil
}
