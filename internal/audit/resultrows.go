package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// resultRow is a row of a run with one of its events, which is empty when it has none.
type resultRow struct {
	row    int
	line   int64
	wanted [8]*string
	other  []string
	erased bool

	outcome    *string
	final      *bool
	method     *string
	status     *int
	err        *string
	requestID  *string
	id         *uuid.UUID
	sentAt     *time.Time
	recordedAt *time.Time
	body       []byte
}

func (r *resultRow) scan(rows pgx.Rows) error {
	r.other, r.body = nil, nil
	w := &r.wanted
	return rows.Scan(&r.row, &r.line, &w[0], &w[1], &w[2], &w[3], &w[4], &w[5], &w[6], &w[7], &r.other, &r.erased,
		&r.outcome, &r.final, &r.method, &r.status, &r.err, &r.requestID, &r.id, &r.sentAt, &r.recordedAt, &r.body)
}

// query returns rows with their events in the order of rows. Both tables have an index in that order, so nothing is sorted and
// nothing gathered, whatever the number of rows. Each of them has the run as a constant, else it would be looked up anew for
// every row.
func (f *ResultFilter) query(unsettled string) (sql string, args []any) {
	sql = `
		SELECT u.row, u.line, u.device_configuration_id, u.user_status_id, u.certificate_id,
		       u.user_display_name, u.devices_count::text, u.status, u.last_reported_date_time, u.user_principal_name, u.other, u.erased IS NOT NULL,
		       e.outcome, e.final, e.method, e.status, CASE WHEN e.final THEN e.error END, e.request_id, e.client_request_id, e.sent_at,
		       e.recorded_at, CASE WHEN e.final OR e.outcome = 'observed' THEN e.response_body END
		FROM status_update u `
	args = []any{f.Run}
	where := ` WHERE u.run = $1`
	if len(f.Outcomes) > 0 {
		args = append(args, f.Outcomes)
		settled := `JOIN audit_event f ON f.run = $1 AND f.row = u.row AND f.final `
		if slices.Contains(f.Outcomes, unsettled) {
			sql += `LEFT ` + settled
			where += ` AND (f.row IS NULL OR f.outcome = ANY ($2))`
		} else {
			sql += settled
			where += ` AND f.outcome = ANY ($2)`
		}
	}
	sql += `LEFT JOIN audit_event e ON e.run = $1 AND e.row = u.row` + where + ` ORDER BY u.row`
	return sql, args
}

// inOrder leaves the planner nothing but to walk along one index and look up the rest: whatever else seemed cheaper to it would
// hold rows or sort them, by their number.
const inOrder = `SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off; SET LOCAL enable_hashjoin = off;
	SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off; SET LOCAL enable_memoize = off; SET LOCAL enable_bitmapscan = off;
	SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off`

func streamResults(ctx context.Context, tx pgx.Tx, f *ResultFilter, d *Detail, cells *cells, each func(*Result) bool) error {
	// As for events: leaving before the end must not read the rest.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := tx.Exec(ctx, inOrder); err != nil {
		return err
	}
	sql, args := f.query(unsettled(d))
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var r resultRow
	result := fold{}
	for rows.Next() {
		if err := r.scan(rows); err != nil {
			return err
		}
		if result.Row != r.row {
			if result.Row != 0 && !each(result.end()) {
				cancel()
				return nil
			}
			result.begin(&r, unsettled(d))
			if result.Cells, result.Text, err = cells.fill(r.wanted, r.other, r.erased); err != nil {
				return fmt.Errorf("row %d: %w", r.row, err)
			}
		}
		result.add(&r)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if result.Row != 0 {
		each(result.end())
	}
	return nil
}

// unsettled is the outcome of rows without a final event.
func unsettled(d *Detail) string {
	if d.State == "cancelled" {
		return "cancelled"
	}
	return "open"
}

// fold makes a result of a row's events, in whatever order they come.
type fold struct {
	Result
	attempts []uuid.UUID
	touched  time.Time // when the first request left that may have changed the status
	seen     time.Time // when the one that saw Before did
}

// mayHaveChanged are the outcomes of a PATCH that Graph may have done. Of the others it has said that it did not.
var mayHaveChanged = []string{"applied", "failed", "transient", "unknown"}

// showing are the outcomes of reads that show the status as it is.
var showing = []string{"observed", "unchanged", "moved"}

func (f *fold) begin(r *resultRow, unsettled string) {
	*f = fold{Result: Result{Row: r.row, Line: r.line, Outcome: unsettled}, attempts: f.attempts[:0]}
}

func (f *fold) add(r *resultRow) {
	if r.outcome == nil {
		return
	}
	if *r.final {
		at := r.recordedAt.UTC()
		f.Outcome, f.Status, f.Answer, f.SettledAt = *r.outcome, r.status, r.body, &at
		f.Error, f.RequestID = orEmpty(r.err), orEmpty(r.requestID)
	}
	switch {
	case r.sentAt == nil:
	case orEmpty(r.method) == "GET" && slices.Contains(showing, *r.outcome):
		if r.status != nil && *r.status == 200 && (f.seen.IsZero() || r.sentAt.Before(f.seen)) {
			f.seen, f.Before = *r.sentAt, r.body
		}
	case orEmpty(r.method) == "PATCH" || *r.outcome == "unknown":
		if r.id != nil && !slices.Contains(f.attempts, *r.id) {
			f.attempts = append(f.attempts, *r.id)
		}
		if slices.Contains(mayHaveChanged, *r.outcome) && (f.touched.IsZero() || r.sentAt.Before(f.touched)) {
			f.touched = *r.sentAt
		}
	}
}

func (f *fold) end() *Result {
	f.Attempts = len(f.attempts)
	if !f.touched.IsZero() && !f.seen.Before(f.touched) {
		f.Before = nil
	}
	return &f.Result
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
