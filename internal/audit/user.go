package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// UserRow is one row of a run about a person's status, and what became of it. Times are UTC.
type UserRow struct {
	Run                   int64           `json:"run"`
	Row                   int             `json:"row"`
	Line                  int64           `json:"line"` // where the row begins in its source
	RunName               string          `json:"name"`
	Actor                 string          `json:"actor"` // who enqueued it
	Tenant                uuid.UUID       `json:"tenant"`
	CreatedAt             time.Time       `json:"createdAt"` // of the run
	Route                 string          `json:"route"`
	DeviceConfigurationID string          `json:"deviceConfigurationId"`
	CertificateID         *string         `json:"certificateId"`
	UserStatusID          string          `json:"userStatusId"`
	Wanted                json.RawMessage `json:"wanted"`  // what the row asks for; an object
	Outcome               string          `json:"outcome"` // it was settled with; open or cancelled if it was not
	HTTPStatus            *int            `json:"status"`
	Error                 *string         `json:"error"`
	SettledAt             *time.Time      `json:"settledAt"`
	Event                 *string         `json:"event"` // the ID of what settled it
}

// User returns the history of a person over all runs, newest run first: rows that ask for this userPrincipalName, in any case,
// and every other row about one of the statuses they name, because a later row need not say whose it is. 0: no limit.
func (a *Audit) User(ctx context.Context, userPrincipalName string, most int) (rows []UserRow, err error) {
	err = a.inOrder(ctx, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, `
			WITH named AS MATERIALIZED (
				SELECT DISTINCT u.target FROM run r CROSS JOIN LATERAL (
					SELECT u.target FROM status_update u
					WHERE `+ofRun+` AND u.user_principal_name IS NOT NULL AND lower(u.user_principal_name) COLLATE "C" = lower($1) OFFSET 0) u)
			SELECT r.run, r.row, r.line, r.run_name, r.actor, r.tenant, r.created_at, r.route, r.device_configuration_id, r.certificate_id,
			       r.user_status_id, r.wanted, r.outcome, r.http_status, r.error, r.settled_at, r.event
			FROM named n JOIN audit.rows r ON r.target = n.target
			ORDER BY r.run DESC, r.row DESC
			LIMIT $2`, userPrincipalName, limit(most))
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToStructByName[UserRow])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of a user: %w", err)
	}
	for i := range rows {
		rows[i].CreatedAt = rows[i].CreatedAt.UTC()
		toUTC(rows[i].SettledAt)
	}
	return rows, nil
}
