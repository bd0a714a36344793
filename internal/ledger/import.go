package ledger

import (
	"context"
	"fmt"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// Import writes a run and its rows in the caller's transaction: all in or none in. The caller adds the run's slices. The
// rows are streamed, whatever their number. Partitions must be there (MakeMonths).
func Import(ctx context.Context, tx pgx.Tx, n NewRun, rows iter.Seq2[userstatus.Row, error]) (count int32, err error) {
	if n.Known != nil {
		if err := onlyReplay(ctx, tx, n); err != nil {
			return 0, err
		}
	}
	// Held until the commit, for whoever drains: an import under way is work to come.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1, hashtext($2))`, importLock, n.Tenant.String()); err != nil {
		return 0, fmt.Errorf("announce the import: %w", err)
	}
	if err := create(ctx, tx, n); err != nil {
		return 0, err
	}
	copied, slices, err := copyRows(ctx, tx, n.ID, rows)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO run_count (run, rows, max_failures, max_failures_percent, canary_rows) VALUES ($1, $2, nullif($3, 0), $4, nullif($5, 0))`,
		n.ID, copied, n.MaxFailures.Rows, n.MaxFailures.percent(), n.CanaryRows); err != nil {
		return 0, fmt.Errorf("insert the counts: %w", err)
	}
	if err := begin(ctx, tx, n.ID, slices); err != nil {
		return 0, err
	}
	if _, err := runEvent(ctx, tx, n.ID, "enqueued", n.Actor, ""); err != nil {
		return 0, err
	}
	if n.Origin != 0 {
		if err := tellOrigin(ctx, tx, n, int32(copied)); err != nil {
			return 0, err
		}
	}
	if n.Firing != nil {
		if err := endFiring(ctx, tx, *n.Firing, "enqueued", "", &n.ID); err != nil {
			return 0, err
		}
	}
	if n.Known != nil {
		if err := nothingLater(ctx, tx, n); err != nil {
			return 0, err
		}
	}
	return int32(copied), nil
}

// tellOrigin has the run whose rows these are say so, too.
func tellOrigin(ctx context.Context, tx pgx.Tx, n NewRun, rows int32) error {
	if n.Kind == "revert" {
		_, err := runEvent(ctx, tx, n.Origin, "reverted", n.Actor, fmt.Sprintf("run %d takes %s back", n.ID, rowsText(rows)))
		return err
	}
	_, err := runEvent(ctx, tx, n.Origin, "replayed", n.Actor, fmt.Sprintf("run %d sends %s again", n.ID, rowsText(rows)))
	return err
}

// importLock is the class of the advisory locks that imports hold, keyed by tenant.
const importLock = 0x6770 // "gp"

// Importing reports whether an import for the tenant is under way.
func (l *Ledger) Importing(ctx context.Context, tenant uuid.UUID) (bool, error) {
	var free bool
	err := l.pool.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, hashtext($2))`, importLock, tenant.String()).Scan(&free)
	if err != nil {
		return false, fmt.Errorf("look for imports: %w", err)
	}
	return !free, nil
}
