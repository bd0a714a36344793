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
	Origin   *int64          `json:"origin"`   // the run whose rows this one sends again; nil for one of another source
	Source   json.RawMessage `json:"source"`   // what the rows came from; an object
	Options  json.RawMessage `json:"options"`

	// Commit and Digest are where the chain of the run stands, which later looks at it can be held against; nil for a run that is
	// older than the chain.
	Commit *int    `json:"commit"`
	Digest *string `json:"digest"`
	// PurgedAt is when rows and events were removed with their month; nil: they are there.
	PurgedAt *time.Time `json:"purgedAt"`

	FirstProgressAt *time.Time `json:"firstProgressAt"` // nil before anything happened to a row
	LastProgressAt  *time.Time `json:"lastProgressAt"`
	RatePerSecond   *float64   `json:"ratePerSecond"` // rows settled between first and last progress; nil when it cannot be said

	RequestsPerRow *float64 `json:"requestsPerRow"` // that is settled; nil before anything is
	Retries        int      `json:"retries"`        // how often a row came again, after an answer that settled nothing or none
	Slowest        []Slow   `json:"slowest"`        // requests of a second and more, at most three, the slowest first
	Plan           *Plan    `json:"plan"`           // nil: its statuses were not read first

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

// Slow is a request that took long.
type Slow struct {
	Event     string  `json:"event"` // its ID
	Row       int     `json:"row"`
	Outcome   string  `json:"outcome"`
	ElapsedMs float64 `json:"elapsedMs"`
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
		if d.Slowest, err = readSlowest(ctx, tx, run); err != nil {
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
		SELECT `+runColumns+`, r.source, r.options, r.origin,
		       CASE WHEN c.digest IS NOT NULL THEN c.commits END AS commit, encode(c.digest, 'hex') AS digest,
		       (SELECT purged_at FROM audit_purge WHERE month = r.id / 1000000) AS purged_at,
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

// readSlowest looks only at requests of a second and more, which have an index of their own: others are not worth one.
func readSlowest(ctx context.Context, tx pgx.Tx, run int64) ([]Slow, error) {
	rows, err := tx.Query(ctx, `
		SELECT event_id(run, row, recorded_at, outcome, client_request_id) AS event, row, outcome, elapsed_us / 1000.0::float8 AS elapsed_ms
		FROM audit_event WHERE run = $1 AND elapsed_us >= 1000000
		ORDER BY elapsed_us DESC LIMIT 3`, run)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Slow])
}

// complete works out what follows from what was read.
func (d *Detail) complete() {
	d.toUTC()
	toUTC(d.PurgedAt)
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
	d.Retries = d.Throttled + d.Unauthorized + d.Refused + d.Transient + d.Unknown
	if d.Settled > 0 {
		perRow := math.Round(1000*float64(d.Requests)/float64(d.Settled)) / 1000
		d.RequestsPerRow = &perRow
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
