package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// NoRunYet stands for a run that is still to be enqueued.
const NoRunYet = 0

// Waiting is a running run with rows to be sent.
type Waiting struct {
	ID         int64
	Priority   int
	Rows, Open int
}

// Ahead returns the tenant's running runs that are worked before this one or take turns with it, first things first: those
// of a higher priority and of the same.
func (l *Ledger) Ahead(ctx context.Context, tenant uuid.UUID, priority int, run int64) ([]Waiting, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT r.id, r.priority, c.rows, c.rows - c.settled AS open
		FROM run r JOIN run_count c ON c.run = r.id
		WHERE r.tenant = $1 AND r.state = 'running' AND r.priority <= $2 AND r.id <> $3 AND c.settled < c.rows
		ORDER BY r.priority, r.id`, tenant, priority, run)
	if err != nil {
		return nil, fmt.Errorf("look for runs ahead: %w", err)
	}
	ahead, err := pgx.CollectRows(rows, pgx.RowToStructByName[Waiting])
	if err != nil {
		return nil, fmt.Errorf("look for runs ahead: %w", err)
	}
	return ahead, nil
}

// RunningTenants returns the tenants that have runs to be worked, and how many.
func (l *Ledger) RunningTenants(ctx context.Context) (map[uuid.UUID]int, error) {
	rows, err := l.pool.Query(ctx, `SELECT tenant, count(*) FROM run WHERE state IN ('planning', 'running') GROUP BY tenant`)
	if err != nil {
		return nil, fmt.Errorf("look for tenants with runs: %w", err)
	}
	runs := map[uuid.UUID]int{}
	var tenant uuid.UUID
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&tenant, &n}, func() error { runs[tenant] = n; return nil }); err != nil {
		return nil, fmt.Errorf("look for tenants with runs: %w", err)
	}
	return runs, nil
}
