package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/proof"
)

// Purged is a month whose rows and events were removed.
type Purged struct {
	Month int `json:"month"` // yyyymm
	Runs  int `json:"runs"`
}

// OpenError says that a purge was refused because of what is still to be done.
type OpenError struct {
	Run   int64 // the oldest open run, 0 when rows of none are being imported
	State State
}

func (e *OpenError) Error() string {
	if e.Run == 0 {
		return "an import is under way, which may be one of the month before: purge when it is done"
	}
	return fmt.Sprintf("run %d is %s: a month is purged only when no run of it or of an earlier month is open, because rows of that run give way to newer ones; finish or cancel it first", e.Run, e.State)
}

// ErrNotOver says that the months to be purged are not all over.
var ErrNotOver = errors.New("only months that are over can be purged")

// ErrPurging says that another process purges.
var ErrPurging = errors.New("another purge is under way")

// purgeLock is the class of the lock that whoever purges holds.
const purgeLock = 0x6771

// Purge removes the rows, events and chains of all months before that one (yyyymm), for good. Their runs stay, with their
// counts and the ends of their chains, and each month leaves a record of that. It takes the tables' owner. The error is an
// *OpenError when a run of those months is open; then nothing was removed.
//
// Each partition is detached without a lock that others would wait for, once nobody reads from it any more, and then
// dropped. A purge that was ended in between is completed by the next one.
func (l *Ledger) Purge(ctx context.Context, before int, actor string) (purged []Purged, err error) {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	defer conn.Release()
	var free bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, 0)`, purgeLock).Scan(&free); err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	if !free {
		return nil, ErrPurging
	}
	defer func() { // a connection that was lost has lost the lock
		if _, failed := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, 0)`, purgeLock); failed != nil && err == nil {
			err = fmt.Errorf("purge: %w", failed)
		}
	}()
	if err := mayPurge(ctx, conn, before); err != nil {
		return nil, err
	}
	months, err := monthsBefore(ctx, conn, before)
	if err != nil {
		return nil, err
	}
	for _, month := range months {
		runs, err := keepEnds(ctx, conn, month, actor)
		if err != nil {
			return purged, fmt.Errorf("note that %d is purged: %w", month, err)
		}
		if err := dropMonth(ctx, conn, month); err != nil {
			return purged, fmt.Errorf("purge %d: %w", month, err)
		}
		// What plans show are examples of the rows.
		if _, err := conn.Exec(ctx, `DELETE FROM plan WHERE run BETWEEN $1 AND $2`, int64(month)*1_000_000, int64(month)*1_000_000+999_999); err != nil {
			return purged, fmt.Errorf("purge the plans of %d: %w", month, err)
		}
		purged = append(purged, Purged{month, runs})
	}
	return purged, nil
}

// mayPurge looks for imports first and for runs then: one that commits in between is seen as a run. Newer months wait for
// the oldest open run as well: its rows look there for updates that came after them.
func mayPurge(ctx context.Context, conn *pgxpool.Conn, before int) error {
	var over, importing bool
	err := conn.QueryRow(ctx, `
		SELECT $1 <= to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMM')::integer,
		       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $2 AND objsubid = 2
		               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`,
		before, importLock).Scan(&over, &importing)
	switch {
	case err != nil:
		return fmt.Errorf("look whether months can be purged: %w", err)
	case !over:
		return fmt.Errorf("%d: %w", before, ErrNotOver)
	case importing:
		return &OpenError{}
	}
	var open OpenError
	err = conn.QueryRow(ctx, `
		SELECT r.id, r.state FROM run r
		WHERE r.id < $1 AND (r.state IN ('planning', 'running', 'held') OR EXISTS (SELECT FROM in_flight f WHERE f.run = r.id))
		ORDER BY r.id LIMIT 1`, int64(before)*1_000_000).Scan(&open.Run, &open.State)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for open runs: %w", err)
	}
	return &open
}

// byMonth are the tables with a partition for each month. The events go last, so that a month which was not purged to its end
// still has what its record is about.
var byMonth = [...]string{"audit_commit", "status_update", "audit_event"}

// monthsBefore are those that have a partition left, the oldest first, attached or not.
func monthsBefore(ctx context.Context, conn *pgxpool.Conn, before int) ([]int, error) {
	rows, err := conn.Query(ctx, `
		SELECT DISTINCT right(relname, 6)::integer AS month FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ $1 AND right(relname, 6)::integer < $2
		ORDER BY month`, `^(`+strings.Join(byMonth[:], "|")+`)_\d{6}$`, before)
	if err != nil {
		return nil, fmt.Errorf("list the months: %w", err)
	}
	months, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("list the months: %w", err)
	}
	return months, nil
}

// keepEnds records that the month is purged, with a digest of where the chains of its runs end. It returns how many runs it had.
func keepEnds(ctx context.Context, conn *pgxpool.Conn, month int, actor string) (runs int, err error) {
	rows, err := conn.Query(ctx, `
		SELECT r.id, c.commits, c.digest FROM run r JOIN run_count c ON c.run = r.id
		WHERE r.id BETWEEN $1 AND $2 ORDER BY r.id`, int64(month)*1_000_000, int64(month)*1_000_000+999_999)
	if err != nil {
		return 0, err
	}
	var sum proof.Month
	var run int64
	var commits int32
	var digest []byte
	tag, err := pgx.ForEachRow(rows, []any{&run, &commits, &digest}, func() error { sum.Add(run, commits, digest); return nil })
	if err != nil {
		return 0, err
	}
	runs = int(tag.RowsAffected())
	kept := sum.Digest()
	_, err = conn.Exec(ctx, `
		INSERT INTO audit_purge (month, actor, runs, digest) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, month, clean(actor), runs, kept[:])
	return runs, err
}

// dropMonth cannot be one transaction: detaching without a lock takes two of its own.
func dropMonth(ctx context.Context, conn *pgxpool.Conn, month int) error {
	for _, parent := range byMonth {
		part := fmt.Sprintf("%s_%d", parent, month)
		var there, pending *bool
		err := conn.QueryRow(ctx, `
			SELECT to_regclass($1) IS NOT NULL, (SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass($1))`, part).Scan(&there, &pending)
		if err != nil {
			return err
		}
		if pending != nil {
			how := " CONCURRENTLY"
			if *pending {
				how = " FINALIZE"
			}
			if _, err := conn.Exec(ctx, `ALTER TABLE `+parent+` DETACH PARTITION `+part+how); err != nil {
				return err
			}
		}
		if *there {
			if _, err := conn.Exec(ctx, `DROP TABLE `+part); err != nil {
				return err
			}
		}
	}
	return nil
}

// MonthsAgo is the month (yyyymm) that many months before this one, on the database's clock.
func (l *Ledger) MonthsAgo(ctx context.Context, months int) (month int, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' - make_interval(months => $1), 'YYYYMM')::integer`, months).Scan(&month)
	if err != nil {
		return 0, fmt.Errorf("ask the database's month: %w", err)
	}
	return month, nil
}
