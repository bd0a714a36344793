package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Run is a run and how far it has come. Times are UTC.
type Run struct {
	ID       int64     `json:"run"`
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Actor    string    `json:"actor"`
	Tenant   uuid.UUID `json:"tenant"`
	Priority int       `json:"priority"`
	State    string    `json:"state"`
	Reason   *string   `json:"reason"` // why it is held or was cancelled; while it is planning or running, what it waits for
	Canary   string    `json:"canary"` // pending, passed, failed or waived
	// CanaryRows are the only rows that are sent before the run is held for a person; nil: all of them, or it was released.
	CanaryRows *int `json:"canaryRows"`
	// MaxFailures is how many rows may be rejected or failed before the run is held: "200", or "5%" of the settled ones; nil:
	// any number.
	MaxFailures *string    `json:"maxFailures"`
	Repeat      int        `json:"repeat"` // how often the same content had been imported before, on purpose
	CreatedAt   time.Time  `json:"createdAt"`
	FinishedAt  *time.Time `json:"finishedAt"` // also when it was cancelled
	Counts
}

// Counts are exact, of one instant, and add up: applied, rejected, failed, unchanged, superseded, moved and missing are settled; settled,
// open and cancelled are the rows.
type Counts struct {
	Rows      int `json:"rows"`
	Settled   int `json:"settled"`
	Open      int `json:"open"`
	Cancelled int `json:"cancelled"` // settled by the state of their run; those that were in flight may yet get an answer

	Applied    int `json:"applied"`
	Rejected   int `json:"rejected"`
	Failed     int `json:"failed"`
	Unchanged  int `json:"unchanged"`
	Superseded int `json:"superseded"`
	Moved      int `json:"moved"`   // somebody else had changed them since the plan
	Missing    int `json:"missing"` // Graph has no such status

	// Events that settled no row.
	Observed     int `json:"observed"`
	Throttled    int `json:"throttled"`
	Unauthorized int `json:"unauthorized"`
	Refused      int `json:"refused"` // answers that refused the whole run and no row in particular
	Transient    int `json:"transient"`
	Unknown      int `json:"unknown"`
	Late         int `json:"late"` // answers that came after their row had been taken over

	// Requests that certainly reached the wire: those with an answer or a broken connection, late answers included. Up
	// to Unknown more may have.
	Requests int `json:"requests"`
}

// RunFilter says which runs. The zero RunFilter is all of them.
type RunFilter struct {
	Tenant uuid.UUID // uuid.Nil: every tenant
	State  string    // planning, running, held, finished or cancelled; "": every state
	Limit  int       // 0: no limit
}

const runColumns = `r.id, r.kind, r.name, r.actor, r.tenant, r.priority, r.state, r.reason, r.canary, c.canary_rows,
	coalesce(c.max_failures::text, c.max_failures_percent::text || '%') AS max_failures, r.repeat, r.created_at, r.finished_at,
	c.rows, c.settled,
	CASE r.state WHEN 'cancelled' THEN 0 ELSE c.rows - c.settled END AS open,
	CASE r.state WHEN 'cancelled' THEN c.rows - c.settled ELSE 0 END AS cancelled, c.applied, c.rejected, c.failed, c.unchanged, c.superseded, c.moved, c.missing,
	c.observed, c.throttled, c.unauthorized, c.refused, c.transient, c.unknown, c.late,
	c.requests`

// Runs returns runs, newest first.
func (a *Audit) Runs(ctx context.Context, f RunFilter) ([]Run, error) {
	var where conditions
	if f.Tenant != uuid.Nil {
		where.and("r.tenant = @tenant", "tenant", f.Tenant)
	}
	if f.State != "" {
		where.and("r.state = @state", "state", f.State)
	}
	where.set("limit", limit(f.Limit))
	rows, err := a.pool.Query(ctx, `
		SELECT `+runColumns+`
		FROM run r JOIN run_count c ON c.run = r.id
		WHERE `+where.sql()+`
		ORDER BY r.id DESC
		LIMIT @limit`, where.args)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByName[Run])
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	for i := range runs {
		runs[i].toUTC()
	}
	return runs, nil
}

func (r *Run) toUTC() {
	r.CreatedAt = r.CreatedAt.UTC()
	toUTC(r.FinishedAt)
}

func toUTC(t *time.Time) {
	if t != nil {
		*t = t.UTC()
	}
}

// limit is n as the argument of LIMIT: NULL is none.
func limit(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// conditions are joined by AND. Their SQL is constant; what a caller gave is in args.
type conditions struct {
	all  []string
	args pgx.NamedArgs
}

// and adds a condition and the argument it names.
func (c *conditions) and(sql, name string, value any) {
	c.all = append(c.all, sql)
	c.set(name, value)
}

func (c *conditions) set(name string, value any) {
	if c.args == nil {
		c.args = pgx.NamedArgs{}
	}
	c.args[name] = value
}

func (c *conditions) sql() string {
	if len(c.all) == 0 {
		return "true"
	}
	return strings.Join(c.all, " AND ")
}
