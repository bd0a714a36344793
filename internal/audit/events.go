package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
)

// Events returns events, newest first, one in memory at a time unless there is a limit. Of a run that does not exist the
// only element is ErrNoRun. A connection is held until the last event is taken or the loop is left.
func (a *Audit) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := a.events(ctx, f, yield); err != nil {
			yield(Event{}, err)
		}
	}
}

func (a *Audit) events(ctx context.Context, f EventFilter, yield func(Event, error) bool) error {
	if f.Run != 0 {
		if err := a.checkRun(ctx, f.Run); err != nil {
			return err
		}
	}
	if !f.recent() {
		return a.stream(ctx, f, func(e Event) bool { return yield(e, nil) })
	}
	events, err := a.newest(ctx, f)
	if err != nil {
		return err
	}
	for _, e := range events {
		if !yield(e, nil) {
			return nil
		}
	}
	return nil
}

func (a *Audit) checkRun(ctx context.Context, run int64) error {
	var exists bool
	err := a.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM run WHERE id = $1)`, run).Scan(&exists)
	switch {
	case err != nil:
		return fmt.Errorf("look for run %d: %w", run, err)
	case !exists:
		return noRun(run)
	}
	return nil
}

// maxRecent is the limit up to which a page is found by windows, and held in memory.
const maxRecent = 1000

// recent reports whether the filter asks for a page of the newest events and says too little for an index to find it.
func (f *EventFilter) recent() bool {
	return f.Limit > 0 && f.Limit <= maxRecent && f.Row == nil && f.RequestID == "" && f.Since.IsZero() && len(f.whereUpdate().all) == 0
}

// windows are how far back the newest events are looked for, one after the other; then everywhere. Times are indexed by
// blocks only, which finds the events of an hour among ten million at once, but cannot walk from the newest back.
var windows = []time.Duration{15 * time.Minute, 24 * time.Hour, 30 * 24 * time.Hour}

// newest returns the page that recent promised: a window that fills it holds the newest events of all.
func (a *Audit) newest(ctx context.Context, f EventFilter) ([]Event, error) {
	end := f.Until
	if end.IsZero() {
		if err := a.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&end); err != nil {
			return nil, fmt.Errorf("ask the database's clock: %w", err)
		}
	}
	for _, window := range windows {
		f.Since = end.Add(-window)
		if page, err := a.page(ctx, f); err != nil || len(page) == f.Limit {
			return page, err
		}
	}
	f.Since = time.Time{}
	return a.page(ctx, f)
}

func (a *Audit) page(ctx context.Context, f EventFilter) ([]Event, error) {
	var page []Event
	err := a.stream(ctx, f, func(e Event) bool {
		page = append(page, e)
		return true
	})
	return page, err
}

const (
	newestFirst  = `ORDER BY e.recorded_at DESC, e.run DESC, e.row DESC`
	eventColumns = `e.run, e.row, u.line, e.outcome, e.final, e.spared, e.status, e.method, e.url, e.sent_at, e.recorded_at, e.elapsed_us / 1000.0::float8 AS elapsed_ms,
		e.client_request_id, e.request_id, e.worker, e.actor, e.error,
		u.route, u.device_configuration_id, u.certificate_id, u.user_status_id, u.user_principal_name`
	bodyColumns = `e.request_body, e.response_headers, e.response_body, e.body_cut`
)

// stream hands the events to each, in order, until it returns false.
func (a *Audit) stream(ctx context.Context, f EventFilter, each func(Event) bool) error {
	// Leaving before the end must not read the rest of ten million rows: a cancelled context drops the connection.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sql, args := f.query()
	rows, err := a.pool.Query(ctx, sql, args)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := pgx.RowToStructByNameLax[Event](rows)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		e.toUTC()
		if !each(e) {
			cancel()
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}

// query first finds the events, and only then the rows they happened to: joined before the limit, all would be.
func (f *EventFilter) query() (sql string, args pgx.NamedArgs) {
	where := f.where()
	events := `SELECT e.* FROM audit_event e WHERE ` + where.sql()
	if f.Limit > 0 {
		events += ` ` + newestFirst + ` LIMIT @limit`
		where.set("limit", f.Limit)
	}
	columns := eventColumns
	if f.Bodies {
		columns += `, ` + bodyColumns
	}
	sql = `SELECT ` + columns + ` FROM (` + events + `) e
		LEFT JOIN status_update u ON u.run = e.run AND u.row = e.row ` + newestFirst
	if where.args == nil {
		where.args = pgx.NamedArgs{}
	}
	return sql, where.args
}
