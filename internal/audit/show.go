package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// Detail is all there is to say about one run, of one instant.
type Detail struct {
	Run
	InFlight int             `json:"inFlight"` // open rows whose requests are under way
	Source   json.RawMessage `json:"source"`   // what the rows came from; an object
	Options  json.RawMessage `json:"options"`

	FirstProgressAt *time.Time `json:"firstProgressAt"` // nil before anything happened to a row
	LastProgressAt  *time.Time `json:"lastProgressAt"`
	RatePerSecond   *float64   `json:"ratePerSecond"` // rows settled between first and last progress; nil when it cannot be said

	Plan *Plan `json:"plan"` // nil: its statuses were not read first

	History  []RunEvent `json:"events"`   // the run's own, oldest first
	Failures []Failure  `json:"failures"` // of rejected and failed rows, the most frequent first
	// OtherFailures are the rejected and failed rows whose causes are too rare to be among Failures.
	OtherFailures int `json:"otherFailures"`
}

// RunEvent is what happened to a run as a whole: it was enqueued, planned, held, released, cancelled, finished.
type RunEvent struct {
	Outcome    string    `json:"outcome"`
	RecordedAt time.Time `json:"recordedAt"`
	Actor      *string   `json:"actor"`
	Reason     *string   `json:"reason"`
}

// Show returns one run, or ErrNoRun. Everything is read from one snapshot, otherwise a run that is being worked would
// not add up.
func (a *Audit) Show(ctx context.Context, run int64) (Detail, error) {
	var d Detail
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, a.pool, snapshot, func(tx pgx.Tx) (err error) {
		if d, err = readDetail(ctx, tx, run); err != nil {
			return err
		}
		if d.History, err = readHistory(ctx, tx, run); err != nil {
			return err
		}
		if d.Failures, err = readFailures(ctx, tx, run); err != nil {
			return err
		}
		d.Plan, err = readPlan(ctx, tx, run)
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Detail{}, noRun(run)
	case err != nil:
		return Detail{}, fmt.Errorf("read run %d: %w", run, err)
	}
	d.complete()
	return d, nil
}

// readDetail looks for the first progress among the first thousand events in the order of rows: those rows are the first
// slice, which is worked before the others. The true minimum would cost a look at every event of the run.
func readDetail(ctx context.Context, tx pgx.Tx, run int64) (Detail, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+runColumns+`, r.source, r.options,
		       (SELECT count(*) FROM in_flight f WHERE f.run = r.id) AS in_flight,
		       (SELECT min(recorded_at) FROM (
		            SELECT e.recorded_at FROM audit_event e WHERE e.run = r.id AND e.row > 0 ORDER BY e.row LIMIT 1000
		       ) first) AS first_progress_at,
		       CASE WHEN r.state = 'finished' THEN r.finished_at ELSE c.progress_at END AS last_progress_at
		FROM run r JOIN run_count c ON c.run = r.id
		WHERE r.id = $1`, run)
	if err != nil {
		return Detail{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByNameLax[Detail])
}

// readHistory leaves out the requests that were made for several rows.
func readHistory(ctx context.Context, tx pgx.Tx, run int64) ([]RunEvent, error) {
	rows, err := tx.Query(ctx, `
		SELECT outcome, recorded_at, actor, error AS reason
		FROM audit_event WHERE run = $1 AND row = 0 AND method IS NULL
		ORDER BY recorded_at`, run)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[RunEvent])
}

// complete works out what follows from what was read.
func (d *Detail) complete() {
	d.toUTC()
	for i := range d.History {
		toUTC(&d.History[i].RecordedAt)
	}
	if d.FirstProgressAt == nil {
		d.LastProgressAt = nil
	} else {
		toUTC(d.FirstProgressAt)
		toUTC(d.LastProgressAt)
		d.RatePerSecond = rate(d.Settled, d.LastProgressAt.Sub(*d.FirstProgressAt))
	}
	d.OtherFailures = d.Rejected + d.Failed
	for _, f := range d.Failures {
		d.OtherFailures -= f.Rows
	}
}

// rate is to three digits, and nil for rows settled in one instant: that says nothing about the next ones.
func rate(settled int, in time.Duration) *float64 {
	if settled == 0 || in <= 0 {
		return nil
	}
	perSecond := math.Round(1000*float64(settled)/in.Seconds()) / 1000
	return &perSecond
}
