package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// PlannedRow is a row of a run and what its plan makes of it. It is valid until the next one is taken.
type PlannedRow struct {
	Row                   int
	Line                  int64
	DeviceConfigurationID string
	Route                 string
	CertificateID         *string
	UserStatusID          string

	Plan    string   // unchanged, change, missing or unread
	Changes []string // the properties that Graph shows otherwise
	Before  []byte   // the status as Graph showed it; nil when it showed none
	Wanted  []byte   // what is asked for, as it is sent
	ReadAt  *time.Time
	Note    string // why a row is sent although nothing differs, or what Graph said instead of showing it
}

// NoPlanError says that a run has no plan to be shown.
type NoPlanError struct {
	Run   int64
	State string
}

func (e *NoPlanError) Error() string {
	switch e.State {
	case "planning":
		return fmt.Sprintf("run %d is still being planned", e.Run)
	case "held":
		return fmt.Sprintf("run %d has not been planned: it was held before that, or enqueued blind", e.Run)
	}
	return fmt.Sprintf("run %d has no plan: it was sent blind", e.Run)
}

// PlanRows hands to write the rows of a planned run in their order, one in memory at a time; all of one snapshot. A connection
// is held until it returns. The error is ErrNoRun, *NoPlanError, or that of write.
func (a *Audit) PlanRows(ctx context.Context, run int64, write func(iter.Seq2[*PlannedRow, error]) error) error {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, a.pool, snapshot, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patient); err != nil {
			return err
		}
		var state string
		var plannedAt *time.Time
		err := tx.QueryRow(ctx, `SELECT state, planned_at FROM run WHERE id = $1`, run).Scan(&state, &plannedAt)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return noRun(run)
		case err != nil:
			return fmt.Errorf("read run %d: %w", run, err)
		case plannedAt == nil && state != "finished":
			return &NoPlanError{run, state}
		}
		return write(func(yield func(*PlannedRow, error) bool) {
			if err := streamPlan(ctx, tx, run, plannedAt, func(r *PlannedRow) bool { return yield(r, nil) }); err != nil {
				yield(nil, fmt.Errorf("read the plan of run %d: %w", run, err))
			}
		})
	})
}

// streamPlan shows of each row the last read before the plan was complete: later ones belong to what was sent.
func streamPlan(ctx context.Context, tx pgx.Tx, run int64, plannedAt *time.Time, each func(*PlannedRow) bool) error {
	// As for events: leaving before the end must not read the rest.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := tx.Exec(ctx, inOrder); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT u.row, u.line, u.device_configuration_id, u.route, u.certificate_id, u.user_status_id, u.asks,
		       u.user_display_name, u.devices_count::text, u.status, u.last_reported_date_time, u.user_principal_name,
		       coalesce(e.outcome, ''), coalesce(e.status, 0), e.response_body, e.sent_at, coalesce(e.error, '')
		FROM status_update u
		LEFT JOIN LATERAL (
			SELECT * FROM audit_event e
			WHERE e.run = $1 AND e.row = u.row AND (e.method = 'GET' OR e.outcome = 'missing') AND e.outcome IN ('observed', 'unchanged', 'missing')
			  AND e.recorded_at <= coalesce($2::timestamptz, 'infinity')
			ORDER BY e.recorded_at DESC LIMIT 1
		) e ON true
		WHERE u.run = $1 ORDER BY u.row`, run, plannedAt)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanPlanned(rows)
		if err != nil {
			return err
		}
		if !each(r) {
			cancel()
			return nil
		}
	}
	return rows.Err()
}

func scanPlanned(rows pgx.Rows) (*PlannedRow, error) {
	var r PlannedRow
	var asks userstatus.Properties
	var wanted [5]*string
	var outcome string
	var status int
	err := rows.Scan(&r.Row, &r.Line, &r.DeviceConfigurationID, &r.Route, &r.CertificateID, &r.UserStatusID, &asks,
		&wanted[0], &wanted[1], &wanted[2], &wanted[3], &wanted[4], &outcome, &status, &r.Before, &r.ReadAt, &r.Note)
	if err != nil {
		return nil, err
	}
	toUTC(r.ReadAt)
	w, err := wantedOf(asks, wanted)
	if err != nil {
		return nil, fmt.Errorf("row %d: %w", r.Row, err)
	}
	r.Wanted = w.Body()
	var present userstatus.Observed
	shown := status == 200 && json.Unmarshal(r.Before, &present) == nil
	if !shown {
		r.Before = nil
	}
	switch {
	case outcome == "unchanged":
		r.Plan = "unchanged"
	case shown:
		r.Plan, r.Changes = "change", w.Differs(present).Names()
	case status == 404 || outcome == "missing":
		r.Plan = "missing"
	default:
		r.Plan = "unread"
	}
	return &r, nil
}

// wantedOf is what the columns of a row ask for.
func wantedOf(asks userstatus.Properties, texts [5]*string) (w userstatus.Wanted, err error) {
	for i, text := range texts {
		p := userstatus.Properties(1) << i
		switch {
		case asks&p == 0:
		case text == nil:
			err = errors.Join(err, w.SetNull(p))
		default:
			err = errors.Join(err, w.Set(p, *text))
		}
	}
	return w, err
}
