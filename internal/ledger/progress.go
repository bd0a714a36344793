package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/jackc/pgx/v5"
)

// Progress is where a run stands: exact counts, one index read at any size. The counts up to Missing are rows, and
// sum up to Settled; the others are answers that settled none.
type Progress struct {
	State        State  `json:"state"`
	Reason       string `json:"reason,omitempty"`
	Rows         int    `json:"rows"`
	Settled      int    `json:"settled"`
	Applied      int    `json:"applied"`
	Rejected     int    `json:"rejected"`
	Failed       int    `json:"failed"`
	Unchanged    int    `json:"unchanged"`
	Superseded   int    `json:"superseded"`
	Moved        int    `json:"moved"`
	Missing      int    `json:"missing"`
	Observed     int    `json:"observed"`
	Throttled    int    `json:"throttled"`
	Unauthorized int    `json:"unauthorized"`
	Refused      int    `json:"refused"`
	Transient    int    `json:"transient"`
	Unknown      int    `json:"unknown"`
}

// Progress returns where a run stands, or ErrNoRun.
func (l *Ledger) Progress(ctx context.Context, run int64) (Progress, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT state, coalesce(reason, '') AS reason, rows, settled, applied, rejected, failed, unchanged, superseded, moved, missing,
		       observed, throttled, unauthorized, refused, transient, unknown
		FROM run JOIN run_count ON run_count.run = run.id
		WHERE id = $1`, run)
	if err != nil {
		return Progress{}, fmt.Errorf("read the counts of run %d: %w", run, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[Progress])
	switch {
	case err != nil:
		return Progress{}, fmt.Errorf("read the counts of run %d: %w", run, err)
	case len(all) == 0:
		return Progress{}, fmt.Errorf("run %d: %w", run, ErrNoRun)
	}
	return all[0], nil
}

// InFlight returns how many rows of a run are claimed: their requests are on their way, or about to leave.
func (l *Ledger) InFlight(ctx context.Context, run int64) (n int, err error) {
	if err := l.pool.QueryRow(ctx, `SELECT count(*) FROM in_flight WHERE run = $1`, run).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what is in flight of run %d: %w", run, err)
	}
	return n, nil
}

// Now returns the database's time, which all recorded times are compared with.
func (l *Ledger) Now(ctx context.Context) (now time.Time, err error) {
	if err := l.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return now, fmt.Errorf("ask the database's time: %w", err)
	}
	return now, nil
}

// Standing is a run that has ended or waits for a person.
type Standing struct {
	ID      int64
	Stopped bool // held since the time asked about, not before
	Progress
}

// EndedOrHeld returns the tenant's runs that have ended since then, and those that are held, in their order.
func (l *Ledger) EndedOrHeld(ctx context.Context, tenant uuid.UUID, since time.Time) ([]Standing, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT r.id, r.state, coalesce(r.reason, '') AS reason, c.rows, c.settled, c.applied, c.rejected, c.failed, c.unchanged,
		       c.superseded, c.moved, c.missing, c.observed, c.throttled, c.unauthorized, c.refused, c.transient, c.unknown,
		       EXISTS (SELECT FROM audit_event e
		               WHERE e.run = r.id AND e.row = 0 AND e.outcome = 'held' AND e.recorded_at >= $2) AS stopped
		FROM run r JOIN run_count c ON c.run = r.id
		WHERE r.tenant = $1 AND (r.state = 'held' OR r.finished_at >= $2)
		ORDER BY r.id`, tenant, since)
	if err != nil {
		return nil, fmt.Errorf("read how the runs ended: %w", err)
	}
	standings, err := pgx.CollectRows(rows, pgx.RowToStructByName[Standing])
	if err != nil {
		return nil, fmt.Errorf("read how the runs ended: %w", err)
	}
	return standings, nil
}
