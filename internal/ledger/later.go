package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LaterError says that a run was enqueued while the rows were selected that are to be sent again, and that it asks for some of
// the same statuses.
type LaterError struct{ Run int64 }

func (e *LaterError) Error() string {
	return fmt.Sprintf("run %d was enqueued meanwhile and asks for some of the same statuses", e.Run)
}

// replayLock is the class of the advisory locks that imports hold whose rows come from the audit, keyed by tenant.
const replayLock = 0x7270 // "rp"

// onlyReplay waits until no other import of the tenant's takes its rows from the audit: two of them would wait for each other
// in nothingLater.
func onlyReplay(ctx context.Context, tx pgx.Tx, n NewRun) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, hashtext($2))`, replayLock, n.Tenant.String()); err != nil {
		return fmt.Errorf("wait for other replays: %w", err)
	}
	return nil
}

// nothingLater refuses the import with a *LaterError when a run that was not known to whoever selected the rows asks for one of
// their targets: it is earlier by its number, so that its values would be overwritten by old ones. It waits for imports that
// are under way; those that begin after it have later numbers.
func nothingLater(ctx context.Context, tx pgx.Tx, n NewRun) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, hashtext($2))`, importLock, n.Tenant.String()); err != nil {
		return fmt.Errorf("wait for imports that are under way: %w", err)
	}
	var run int64
	err := tx.QueryRow(ctx, `
		SELECT r.id FROM run r
		WHERE r.tenant = $1 AND r.id > $2 AND r.id < $3 AND r.id <> ALL ($4)
		  AND EXISTS (SELECT FROM status_update n JOIN status_update u ON u.run = $3 AND u.target = n.target WHERE n.run = r.id)
		ORDER BY r.id LIMIT 1`, n.Tenant, n.Origin, n.ID, n.Known).Scan(&run)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for what was enqueued meanwhile: %w", err)
	}
	return &LaterError{run}
}
