package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Plan is what reading a run's statuses before it is sent has found. Its counts are of rows: what is not among them yet is
// still to be looked at.
type Plan struct {
	Parts     int        `json:"parts"` // configurations and routes, each of which is a list of Graph's
	Open      int        `json:"openParts"`
	BegunAt   time.Time  `json:"begunAt"`
	PlannedAt *time.Time `json:"plannedAt"` // nil while it is being made
	Rows      int        `json:"rows"`      // open when it was begun
	Unchanged int        `json:"unchanged"` // as they are wanted
	Differ    int        `json:"differ"`    // to be sent
	Missing   int        `json:"missing"`   // Graph has no such status
	Unread    int        `json:"unread"`    // they could not be read
	LeftAlone int        `json:"leftAlone"` // they drift back however often they are corrected

	Changes      []PlanChange `json:"changes"`      // by configuration and property, those of the most rows first
	OtherChanges int          `json:"otherChanges"` // of fewer rows, that are not among Changes
	Warnings     []string     `json:"warnings"`     // about lists; the first ones
}

// PlanChange is what would be changed of one property in one configuration.
type PlanChange struct {
	DeviceConfigurationID string        `json:"deviceConfigurationId"`
	Route                 string        `json:"route"`
	CertificateID         *string       `json:"certificateId"`
	Property              string        `json:"property"`
	Rows                  int           `json:"rows"`
	Examples              []PlanExample `json:"examples"` // the different ones that were met first
}

// PlanExample is a change as a person reads it.
type PlanExample struct {
	Before string `json:"before"`
	Wanted string `json:"wanted"`
	Rows   int    `json:"rows"` // that change just like that
	Row    int    `json:"row"`  // the first of them
}

const (
	maxPlanChanges  = 20
	maxPlanWarnings = 5
)

// readPlan returns nil for a run that has no plan.
func readPlan(ctx context.Context, tx pgx.Tx, run int64) (*Plan, error) {
	var p Plan
	err := tx.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE p.done_at IS NULL), min(p.begun_at), min(r.planned_at), sum(p.rows),
		       sum(p.unchanged), sum(p.differ), sum(p.missing), sum(p.unread), sum(p.left_alone),
		       coalesce((array_agg(p.warning ORDER BY p.part) FILTER (WHERE p.warning IS NOT NULL))[:$2], '{}')
		FROM plan p JOIN run r ON r.id = p.run
		WHERE p.run = $1 HAVING count(*) > 0`, run, maxPlanWarnings).
		Scan(&p.Parts, &p.Open, &p.BegunAt, &p.PlannedAt, &p.Rows, &p.Unchanged, &p.Differ, &p.Missing, &p.Unread, &p.LeftAlone, &p.Warnings)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // a run without a plan is no fault
	case err != nil:
		return nil, err
	}
	p.BegunAt = p.BegunAt.UTC()
	toUTC(p.PlannedAt)
	rows, err := tx.Query(ctx, `
		SELECT p.device_configuration_id, p.route, p.certificate_id, c.property, c.rows, c.examples, count(*) OVER () AS total
		FROM plan p, jsonb_to_recordset(p.changes) AS c (property text, rows integer, examples jsonb)
		WHERE p.run = $1
		ORDER BY c.rows DESC, p.part, c.property
		LIMIT $2`, run, maxPlanChanges)
	if err != nil {
		return nil, err
	}
	total := 0
	p.Changes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c PlanChange, err error) {
		err = row.Scan(&c.DeviceConfigurationID, &c.Route, &c.CertificateID, &c.Property, &c.Rows, &c.Examples, &total)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what the plan changes: %w", err)
	}
	p.OtherChanges = total - len(p.Changes)
	return &p, nil
}
