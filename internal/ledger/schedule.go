package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// FiringLease is how long a firing is left to a process that says nothing any more, on the database's clock. Who works one
// says every FiringPulse that it does.
const (
	FiringLease = 60 * time.Second
	FiringPulse = 10 * time.Second
)

// Schedule is where a reconciliation stands.
type Schedule struct {
	Now     time.Time // the database's clock
	LastDue time.Time // the latest of its times that was fired for or let go
	Firing  time.Time // for which it is being fired; zero: for none
	Left    bool      // nobody works that firing any more
	Busy    int64     // the run of its last firing, while that is not over; 0: it is
	State   State     // of that run
	Reason  string    // why that run is held
}

// FiringClaim is one claim of a firing. It may be taken over when its lease is over; then whatever it does is refused with
// ErrFenced.
type FiringClaim struct {
	Name  string
	Due   time.Time
	Fence int64
}

// ErrFenced says that another process has taken the firing over.
var ErrFenced = errors.New("the firing was taken over by another process")

// LookAtSchedule says where a reconciliation stands. One that was never seen before begins now: none of its earlier times
// was missed.
func (l *Ledger) LookAtSchedule(ctx context.Context, name string) (s Schedule, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		s, err = lockSchedule(ctx, tx, name, "")
		return err
	})
	return s, err
}

func lockSchedule(ctx context.Context, tx pgx.Tx, name, lock string) (Schedule, error) {
	_, err := tx.Exec(ctx, `INSERT INTO schedule (name, last_due) VALUES ($1, clock_timestamp()) ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return Schedule{}, fmt.Errorf("note the schedule %s: %w", name, err)
	}
	if lock != "" {
		if _, err := tx.Exec(ctx, `SELECT FROM schedule WHERE name = $1 `+lock, name); err != nil {
			return Schedule{}, fmt.Errorf("lock the schedule %s: %w", name, err)
		}
	}
	var s Schedule
	var firing *time.Time
	err = tx.QueryRow(ctx, `
		SELECT clock_timestamp(), last_due, firing, coalesce(alive_at < clock_timestamp() - $2::interval, false),
		       coalesce(run.id, 0), coalesce(run.state, ''), coalesce(run.reason, '')
		FROM schedule LEFT JOIN run ON run.id = last_run AND run.state NOT IN ('finished', 'cancelled')
		WHERE schedule.name = $1`, name, FiringLease).Scan(&s.Now, &s.LastDue, &firing, &s.Left, &s.Busy, &s.State, &s.Reason)
	if err != nil {
		return s, fmt.Errorf("read the schedule %s: %w", name, err)
	}
	if firing != nil {
		s.Firing = *firing
	}
	return s, nil
}

// ClaimFiring claims what decide finds due of the schedule, under its lock, and lets go of earlier times: missed of them.
// then is done in the same transaction. Without a due time there is no claim; a time that is let go unfired is due with fire
// false.
func (l *Ledger) ClaimFiring(ctx context.Context, name, actor string, decide func(Schedule) Due, then func(pgx.Tx, FiringClaim) error) (*FiringClaim, error) {
	var claim *FiringClaim
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		s, err := lockSchedule(ctx, tx, name, "FOR UPDATE")
		if err != nil {
			return err
		}
		due := decide(s)
		switch {
		case due.At.IsZero():
			return nil
		case !due.Fire:
			_, err := tx.Exec(ctx, `UPDATE schedule SET last_due = $2 WHERE name = $1`, name, due.At)
			return err
		}
		c := FiringClaim{Name: name, Due: due.At}
		err = tx.QueryRow(ctx, `
			UPDATE schedule SET last_due = greatest(last_due, $2), firing = $2, fence = fence + 1, alive_at = clock_timestamp()
			WHERE name = $1 RETURNING fence`, name, due.At).Scan(&c.Fence)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO firing (name, due, actor, missed) VALUES ($1, $2, $3, $4) ON CONFLICT (name, due) DO NOTHING`,
			name, due.At, clean(actor), due.Missed)
		if err != nil {
			return err
		}
		claim = &c
		return then(tx, c)
	})
	if err != nil {
		return nil, fmt.Errorf("claim a firing of %s: %w", name, err)
	}
	return claim, nil
}

// Due is what is to be done about a schedule's times.
type Due struct {
	At     time.Time // the latest time that has come; zero: none has
	Fire   bool      // otherwise it is let go
	Missed int       // how many came before it, unfired
}

// Pulse says that the firing is being worked; ErrFenced: by somebody else.
func (l *Ledger) Pulse(ctx context.Context, c FiringClaim) error {
	tag, err := l.pool.Exec(ctx, `
		UPDATE schedule SET alive_at = clock_timestamp() WHERE name = $1 AND firing = $2 AND fence = $3`, c.Name, c.Due, c.Fence)
	return fenced(tag.RowsAffected(), err)
}

// EndFiring ends a firing that brought no run in: it was refused or it failed.
func (l *Ledger) EndFiring(ctx context.Context, c FiringClaim, outcome, problem string) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		return endFiring(ctx, tx, c, outcome, problem, nil)
	})
}

// endFiring is done by an import in its own transaction, so that a firing brings in one run or none.
func endFiring(ctx context.Context, tx pgx.Tx, c FiringClaim, outcome, problem string, run *int64) error {
	tag, err := tx.Exec(ctx, `
		UPDATE schedule SET firing = NULL, alive_at = NULL, last_run = coalesce($4, last_run)
		WHERE name = $1 AND firing = $2 AND fence = $3`, c.Name, c.Due, c.Fence, run)
	if err := fenced(tag.RowsAffected(), err); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE firing SET ended_at = clock_timestamp(), outcome = $3, problem = nullif($4, ''), run = $5 WHERE name = $1 AND due = $2`,
		c.Name, c.Due, outcome, clean(problem), run)
	if err != nil {
		return fmt.Errorf("end the firing of %s: %w", c.Name, err)
	}
	return nil
}

func fenced(rows int64, err error) error {
	if err == nil && rows == 0 {
		return ErrFenced
	}
	return err
}
