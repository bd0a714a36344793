package ledger

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// OpenRow is a row without a final event, and what has happened to it so far.
type OpenRow struct {
	Row    int32
	Target userstatus.Target
	Key    userstatus.Key
	Wanted userstatus.Wanted
	Past   Past
	Seen   Seen // only where it is asked for, with Ledger.See
	Expectation
}

// Past are the attempts made for a row. The zero Past says there were none.
type Past struct {
	Charged   int           // transient and unknown answers that were not spared: those count against the attempts a row has
	Contended int           // of those, conflicts: 409, 412, 423
	Last      string        // outcome of the last attempt, "" if there was none
	Spared    bool          // the last attempt did not count
	Headers   []byte        // kept headers of the last answer
	Age       time.Duration // since the last event, on the database's clock
}

// Then is the past after one more attempt, of which Last, Spared, Headers and Age are set. status is its answer's, 0 if
// there was none.
func (p Past) Then(attempt Past, status int) Past {
	attempt.Charged, attempt.Contended = p.Charged, p.Contended
	if attempt.Spared || attempt.Last != "transient" && attempt.Last != "unknown" {
		return attempt
	}
	attempt.Charged++
	if status == http.StatusConflict || status == http.StatusPreconditionFailed || status == http.StatusLocked {
		attempt.Contended++
	}
	return attempt
}

// Open returns the rows of a run from first to last that have no final event, in order.
func (l *Ledger) Open(ctx context.Context, run Run, first, last int32) ([]OpenRow, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT u.row, u.target, u.route, u.device_configuration_id, coalesce(u.certificate_id, ''), u.user_status_id, u.asks,
		       u.user_display_name, u.devices_count, u.status, u.last_reported_date_time, u.user_principal_name, coalesce(u.expects, '')
		FROM status_update u
		WHERE u.run = $1 AND u.row BETWEEN $2 AND $3
		  AND NOT EXISTS (SELECT FROM audit_event e WHERE e.run = u.run AND e.row = u.row AND e.final)
		ORDER BY u.row`, run.ID, first, last)
	if err != nil {
		return nil, fmt.Errorf("read open rows: %w", err)
	}
	open, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (OpenRow, error) { return scanOpen(row, run.Tenant) })
	if err != nil {
		return nil, fmt.Errorf("read open rows: %w", err)
	}
	if err := l.addPast(ctx, run.ID, open); err != nil {
		return nil, err
	}
	return open, l.addUnread(ctx, run.ID, open)
}

// scanOpen reads a row's columns, and more that follow them.
func scanOpen(row pgx.CollectableRow, tenant uuid.UUID, more ...any) (OpenRow, error) {
	o := OpenRow{Target: userstatus.Target{Tenant: tenant}}
	var w userstatus.Stored
	err := row.Scan(append([]any{
		&o.Row, &o.Key, &o.Target.Route, &o.Target.ConfigurationID, &o.Target.CertificateID, &o.Target.StatusID, &w.Asks,
		&w.UserDisplayName, &w.DevicesCount, &w.Status, &w.LastReportedDateTime, &w.UserPrincipalName, &o.Expects,
	}, more...)...)
	if err != nil {
		return o, err
	}
	if o.Wanted, err = w.Wanted(); err != nil {
		return o, fmt.Errorf("row %d: %w", o.Row, err)
	}
	return o, nil
}

// addPast reads the events of the open rows: none at all for a slice that nobody has worked yet.
func (l *Ledger) addPast(ctx context.Context, run int64, open []OpenRow) error {
	if len(open) == 0 {
		return nil
	}
	index := make(map[int32]*Past, len(open))
	numbers := make([]int32, len(open))
	for i := range open {
		index[open[i].Row] = &open[i].Past
		numbers[i] = open[i].Row
	}
	rows, err := l.pool.Query(ctx, `
		SELECT row, outcome, spared, coalesce(status, 0), response_headers, clock_timestamp() - recorded_at
		FROM ( -- of an attempt only its first event: a late answer is no attempt of its own; neither is a read
			SELECT DISTINCT ON (row, client_request_id) row, outcome, spared, status, response_headers, recorded_at
			FROM audit_event
			WHERE run = $1 AND row BETWEEN $2 AND $3 AND row = ANY ($4::integer[]) AND method IS DISTINCT FROM 'GET'
			ORDER BY row, client_request_id, recorded_at
		) attempts
		ORDER BY recorded_at`, run, open[0].Row, open[len(open)-1].Row, numbers)
	if err != nil {
		return fmt.Errorf("read past attempts: %w", err)
	}
	var row int32
	var status int
	var last Past
	_, err = pgx.ForEachRow(rows, []any{&row, &last.Last, &last.Spared, &status, &last.Headers, &last.Age}, func() error {
		past := index[row]
		*past, last.Headers = past.Then(last, status), nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("read past attempts: %w", err)
	}
	return nil
}

// OpenSlices returns the numbers of the slices of a run that have rows without a final event. It compares two counts for
// each slice: looking for the final event of each row would take ten times as long.
func (l *Ledger) OpenSlices(ctx context.Context, run int64) ([]int32, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT s
		FROM generate_series(0, (SELECT (max(row) - 1) / $2 FROM status_update WHERE run = $1)) s
		WHERE (SELECT count(*) FROM status_update u WHERE u.run = $1 AND u.row BETWEEN s * $2 + 1 AND (s + 1) * $2)
		    > (SELECT count(*) FROM audit_event e WHERE e.run = $1 AND e.row BETWEEN s * $2 + 1 AND (s + 1) * $2 AND e.final)
		ORDER BY s`, run, int32(SliceRows))
	if err != nil {
		return nil, fmt.Errorf("look for open rows of run %d: %w", run, err)
	}
	slices, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return nil, fmt.Errorf("look for open rows of run %d: %w", run, err)
	}
	return slices, nil
}

// Stalled returns the planning and running runs that made no progress for that long and were not returned by it since.
func (l *Ledger) Stalled(ctx context.Context, after time.Duration) ([]int64, error) {
	rows, err := l.pool.Query(ctx, `
		UPDATE run_count SET looked_at = clock_timestamp()
		WHERE run IN (
			SELECT c.run FROM run r JOIN run_count c ON c.run = r.id
			WHERE r.state IN ('planning', 'running') AND greatest(c.progress_at, c.looked_at) < clock_timestamp() - make_interval(secs => $1)
			FOR UPDATE OF c SKIP LOCKED) -- one that is being bumped makes progress
		RETURNING run`, after.Seconds())
	if err != nil {
		return nil, fmt.Errorf("look for runs without progress: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look for runs without progress: %w", err)
	}
	return runs, nil
}
