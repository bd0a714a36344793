package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Firing is one time at which a reconciliation was fired, and what came of it.
type Firing struct {
	Name      string     `json:"reconciliation"`
	Due       time.Time  `json:"due"`
	Actor     string     `json:"actor"` // "schedule", or who fired it by hand
	Missed    int        `json:"missed"`
	ClaimedAt time.Time  `json:"claimedAt"`
	EndedAt   *time.Time `json:"endedAt"`
	Outcome   *string    `json:"outcome"` // enqueued, refused or failed; null while it is under way
	Problem   *string    `json:"problem"`
	Run       *int64     `json:"run"`
	State     *string    `json:"state"` // of the run
	Reason    *string    `json:"reason"`

	Rows      *int `json:"rows"`
	Unchanged *int `json:"inSync"`    // rows that Graph showed already
	Applied   *int `json:"corrected"` // rows that it did not
	LeftAlone *int `json:"leftAlone"` // rows that drift back, or that somebody changed meanwhile
	Missing   *int `json:"missing"`   // rows that Graph does not have
	Failed    *int `json:"failed"`    // rejected or failed
	Open      *int `json:"open"`
}

// FiringFilter says which firings. The zero FiringFilter is all of them.
type FiringFilter struct {
	Name   string // "": of every reconciliation
	Latest bool   // only the latest of each
	Limit  int    // 0: no limit
}

// Firings returns firings, newest first.
func (a *Audit) Firings(ctx context.Context, f FiringFilter) ([]Firing, error) {
	var where conditions
	if f.Name != "" {
		where.and("f.name = @name", "name", f.Name)
	}
	if f.Latest {
		where.all = append(where.all, "f.due = (SELECT max(due) FROM firing WHERE name = f.name)")
	}
	where.set("limit", limit(f.Limit))
	rows, err := a.pool.Query(ctx, `
		SELECT f.name, f.due, f.actor, f.missed, f.claimed_at, f.ended_at, f.outcome, f.problem, f.run, r.state, r.reason, c.rows, c.unchanged, c.applied, c.moved, c.missing,
		       c.rejected + c.failed AS failed, CASE WHEN r.state <> 'cancelled' THEN c.rows - c.settled WHEN r.state IS NOT NULL THEN 0 END AS open
		FROM firing f LEFT JOIN run r ON r.id = f.run LEFT JOIN run_count c ON c.run = f.run
		WHERE `+where.sql()+` ORDER BY f.due DESC, f.name LIMIT @limit`, where.args)
	if err != nil {
		return nil, fmt.Errorf("read firings: %w", err)
	}
	firings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Firing])
	if err != nil {
		return nil, fmt.Errorf("read firings: %w", err)
	}
	for i := range firings {
		f := &firings[i]
		f.Due, f.ClaimedAt = f.Due.UTC(), f.ClaimedAt.UTC()
		toUTC(f.EndedAt)
	}
	return firings, nil
}
