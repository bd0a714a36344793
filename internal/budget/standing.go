package budget

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Standing is how things stand with one class of requests of one app, for people, metrics and forecasts. Its instants are
// those of the database's clock.
type Standing struct {
	App      string // empty: all apps of the tenant together
	Class    string // write or read
	Limit    Limit  // in force
	Factor   float64
	Interval time.Duration // between two requests, with the factor
	Ahead    time.Duration // how long until the next slot that nobody has
	Pause    Pause
	Seen     time.Time // when a process that goes by the limit last asked for slots
	Now      time.Time
}

// Paused reports whether the pause is in force.
func (s Standing) Paused() bool { return s.Now.Before(s.Pause.Until) }

// Read returns how things stand with a tenant, by app and class. It takes no part in the budget, so that a program which
// only wants to know may ask.
func Read(ctx context.Context, pool *pgxpool.Pool, tenant uuid.UUID) ([]Standing, error) {
	rows, err := pool.Query(ctx, `
		SELECT app, class, quota, every, quota_at, factor, factor_at, tat, clock_timestamp(),
		       paused_since, paused_until, asked, down, strikes, reason
		FROM budget WHERE tenant = $1 ORDER BY app, class`, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the budget: %w", err)
	}
	standings, err := pgx.CollectRows(rows, scanStanding)
	if err != nil {
		return nil, fmt.Errorf("read the budget: %w", err)
	}
	return standings, nil
}

func scanStanding(row pgx.CollectableRow) (s Standing, err error) {
	var quota string
	var every time.Duration
	var factorSince, tat time.Time
	if err := row.Scan(&s.App, &s.Class, &quota, &every, &s.Seen, &s.Factor, &factorSince, &tat, &s.Now,
		&s.Pause.Since, &s.Pause.Until, &s.Pause.Asked, &s.Pause.Down, &s.Pause.Strikes, &s.Pause.Reason); err != nil {
		return s, err
	}
	s.Factor = factorAt(s.Factor, factorSince, s.Now)
	s.Interval = stepAt(every, s.Factor)
	s.Ahead = max(0, tat.Sub(s.Now))
	s.Limit, err = ParseLimit(quota)
	return s, err
}
