package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// State is where a run stands.
type State string

// The states of a run. Of a planning one statuses are read, and nothing is sent. Rows of a held run wait for a person; those of
// a cancelled one are settled by its state.
const (
	Planning  State = "planning"
	Running   State = "running"
	Held      State = "held"
	Finished  State = "finished"
	Cancelled State = "cancelled"
)

// NewRun is what an import knows about its run before the first row.
type NewRun struct {
	ID          int64 // from NextRunID
	Kind        string
	Name        string
	Actor       string
	Tenant      uuid.UUID
	Source      any // as JSON: what the rows come from
	Options     Options
	Priority    int // 1 to 4, 1 first
	Hold        bool
	Fingerprint [32]byte
	Again       bool // import the same content once more
	MaxFailures FailureLimit
	CanaryRows  int32 // the run is held when so many first rows are settled; 0: it goes on by itself
	Blind       bool  // its rows are sent without their statuses being read first
	PlanHold    bool  // it is held when it is planned
	Origin      int64 // the run whose rows are sent again or taken back; 0 for rows of another source
	// Known are the tenant's runs after Origin in which later updates of the rows' targets were looked for. The import is refused
	// when there is another that has some; nil: it is not.
	Known []int64
	// Firing is that of a reconciliation, which this run ends.
	Firing *FiringClaim
}

// Options are what the user chose for the run and the work must know.
type Options struct {
	// Duplicates says that several rows may have the same target; the last one wins.
	Duplicates bool `json:"duplicates,omitempty"`
	// Recheck says that a status is read again before its row is sent, when the plan saw it some minutes ago.
	Recheck bool `json:"recheck,omitempty"`
	// Approval says that a person looks at the plan before anything is sent. What it saw may be old by then, so each status is
	// read again.
	Approval bool `json:"approval,omitempty"`
	// SkipMissing says that rows are not sent whose statuses Graph does not have.
	SkipMissing bool `json:"skipMissing,omitempty"`
	// MaxDrift is a DriftLimit: the run is held when its plan finds more to change.
	MaxDrift string `json:"maxDrift,omitempty"`
	// LeaveAlone says that a row is not sent once more that runs of the same reconciliation corrected so often, to the same
	// values, and that shows others again; 0: it is.
	LeaveAlone int `json:"leaveAlone,omitempty"`
}

// Run is what the work needs to know of a run.
type Run struct {
	ID       int64
	Tenant   uuid.UUID
	State    State
	Priority int
	Options  Options
	Canary   Canary
	// CanaryRows are the only rows that may be sent until the run has been held for them and released; 0: all may.
	CanaryRows int32
	Reason     string // while it is planning or running, what it waits for
	Blind      bool
	PlanHold   bool // it is held when it is planned
}

// State is the one in which the run begins.
func (n *NewRun) State() State {
	switch {
	case n.Hold:
		return Held
	case n.Blind:
		return Running
	}
	return Planning
}

// NextRunID takes the next number of this month (UTC), in a commit of its own: a number that an import used and gave
// up is never used again.
func (l *Ledger) NextRunID(ctx context.Context) (int64, error) {
	var id int64
	err := l.pool.QueryRow(ctx, `
		INSERT INTO run_counter AS c (month, last)
		VALUES (to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMM')::integer, 1)
		ON CONFLICT (month) DO UPDATE SET last = c.last + 1
		RETURNING c.month::bigint * 1000000 + c.last`).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("take a run number: %w", err)
	}
	return id, nil
}

// MakeMonths makes the partitions of this month and the next two.
func (l *Ledger) MakeMonths(ctx context.Context) error {
	if _, err := l.pool.Exec(ctx, `SELECT make_months()`); err != nil {
		return fmt.Errorf("make the month's partitions: %w", err)
	}
	return nil
}

// Run returns what the work needs to know of a run, or ErrNoRun.
func (l *Ledger) Run(ctx context.Context, id int64) (Run, error) {
	return getRun(ctx, l.pool, id)
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func getRun(ctx context.Context, q querier, id int64) (Run, error) {
	run := Run{ID: id}
	err := q.QueryRow(ctx, `
		SELECT r.tenant, r.state, r.priority, r.options, r.canary, coalesce(c.canary_rows, 0), coalesce(r.reason, ''), r.blind, r.plan_hold
		FROM run r JOIN run_count c ON c.run = r.id
		WHERE r.id = $1`, id).
		Scan(&run.Tenant, &run.State, &run.Priority, &run.Options, &run.Canary, &run.CanaryRows, &run.Reason, &run.Blind, &run.PlanHold)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Run{}, fmt.Errorf("run %d: %w", id, ErrNoRun)
	case err != nil:
		return Run{}, fmt.Errorf("read run %d: %w", id, err)
	}
	return run, nil
}

// lockRun is getRun after the run was locked, FOR UPDATE or FOR SHARE. It reads in a statement of its own: one that waits
// for a lock sees of other tables what was there before it waited.
func lockRun(ctx context.Context, tx pgx.Tx, id int64, lock string) (Run, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM run WHERE id = $1 `+lock, id); err != nil {
		return Run{}, fmt.Errorf("lock run %d: %w", id, err)
	}
	return getRun(ctx, tx, id)
}

// create inserts the run. While another import of the same content is under way it waits for its end. The error is a
// *DuplicateError when the content is known.
func create(ctx context.Context, tx pgx.Tx, n NewRun) error {
	source, err := json.Marshal(n.Source)
	if err != nil {
		return fmt.Errorf("describe the source: %w", err)
	}
	for {
		tag, err := tx.Exec(ctx, `
			INSERT INTO run (id, kind, name, actor, tenant, source, options, priority, state, reason, origin, blind, plan_hold, fingerprint, repeat)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($13, 0::bigint), $14, $15, $11::bytea,
			       CASE WHEN $12 THEN (SELECT coalesce(max(repeat) + 1, 0) FROM run WHERE tenant = $5 AND fingerprint = $11::bytea) ELSE 0 END
			ON CONFLICT ON CONSTRAINT run_fingerprint_unique DO NOTHING`,
			n.ID, n.Kind, clean(n.Name), clean(n.Actor), n.Tenant, source, n.Options, n.Priority, n.State(), holdReason(n.Hold), n.Fingerprint[:], n.Again, n.Origin, n.Blind, n.PlanHold)
		switch {
		case err != nil:
			return fmt.Errorf("insert the run: %w", err)
		case tag.RowsAffected() == 1:
			return nil
		case !n.Again:
			return duplicateOf(ctx, tx, n)
		}
		// Two imports with Again took the same number of repeats; this one takes the next.
	}
}

func holdReason(hold bool) *string {
	if !hold {
		return nil
	}
	reason := "enqueued on hold"
	return &reason
}

func duplicateOf(ctx context.Context, tx pgx.Tx, n NewRun) error {
	var d DuplicateError
	err := tx.QueryRow(ctx, `
		SELECT id, state, created_at FROM run WHERE tenant = $1 AND fingerprint = $2 ORDER BY repeat DESC LIMIT 1`,
		n.Tenant, n.Fingerprint[:]).Scan(&d.Run, &d.State, &d.CreatedAt)
	if err != nil {
		return fmt.Errorf("look for the same content: %w", err)
	}
	return &d
}

// RunForShare is Ledger.Run in the caller's transaction, under a lock that keeps the state from changing until its end.
func RunForShare(ctx context.Context, tx pgx.Tx, id int64) (Run, error) {
	return lockRun(ctx, tx, id, "FOR SHARE")
}

// HasRunning reports whether the tenant has a run in state planning or running.
func (l *Ledger) HasRunning(ctx context.Context, tenant uuid.UUID) (bool, error) {
	var running bool
	err := l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM run WHERE tenant = $1 AND state IN ('planning', 'running'))`, tenant).Scan(&running)
	if err != nil {
		return false, fmt.Errorf("look for running runs: %w", err)
	}
	return running, nil
}

// Turn is whether a run may go on now.
type Turn struct {
	State  State
	Yields bool // a run of the tenant with a higher priority makes progress
}

// progressing is how long ago the last answer to a run came that is at work. One whose rows all wait to come again keeps
// nobody from sending.
const progressing = 2 * time.Second

// Turns returns whose turn it is among runs and those of higher priorities.
func (l *Ledger) Turns(ctx context.Context, runs []int64) (map[int64]Turn, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT r.id, r.state, EXISTS (
			SELECT FROM run other JOIN run_count c ON c.run = other.id
			WHERE other.tenant = r.tenant AND other.state = 'running' AND other.priority < r.priority
			  AND c.settled < c.rows AND c.progress_at > clock_timestamp() - make_interval(secs => $2))
		FROM run r WHERE r.id = ANY ($1)`, runs, progressing.Seconds())
	if err != nil {
		return nil, fmt.Errorf("look whose turn it is: %w", err)
	}
	turns := map[int64]Turn{}
	var id int64
	var turn Turn
	if _, err := pgx.ForEachRow(rows, []any{&id, &turn.State, &turn.Yields}, func() error { turns[id] = turn; return nil }); err != nil {
		return nil, fmt.Errorf("look whose turn it is: %w", err)
	}
	return turns, nil
}
