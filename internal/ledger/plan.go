package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// planAge is how long a plan is good for: what it saw a day ago says little about what there is to do.
const planAge = 24 * time.Hour

// Part is one list of statuses that a run's plan reads: those of one configuration and route.
type Part struct {
	Run        int64
	Number     int32
	Collection userstatus.Target // without a status id
	Rows       int               // open when the plan was begun
	First      int32             // the lowest and the highest of them
	Last       int32
	BegunAt    time.Time
	Step       int32 // counts what was written down of it

	Way     Way
	Link    string // the page that comes next; "": the first one
	Pages   int
	Listed  int    // statuses on them
	Total   *int   // that the list should have; nil: not known
	Faults  int    // passing ones in a row at this page
	Swept   int32  // the row up to which rows were read one by one
	Warning string // what was odd about the list
	Done    bool

	PlanCounts

	Changes Changes
}

// PlanCounts are what a plan found of its rows.
type PlanCounts struct {
	Unchanged int // as they are wanted
	Differ    int // to be sent
	Missing   int // Graph has no such status
	Unread    int // they could not be read
	LeftAlone int // they drift back however often they are corrected
}

// Left is how many rows of the part are still to be looked at.
func (p *Part) Left() int {
	return p.Rows - p.Unchanged - p.Differ - p.Missing - p.Unread - p.LeftAlone
}

// Way is how the rows of a part are read.
type Way string

// The ways of a part.
const (
	ByList Way = "list"   // page by page
	ByGet  Way = "get"    // what is left, one by one
	Absent Way = "absent" // not at all: there is no such list
)

// replan is the state that a run which is released goes on in. A plan that is too old is taken away.
func replan(ctx context.Context, tx pgx.Tx, run int64, blind bool) (to State, err error) {
	var planned bool
	err = tx.QueryRow(ctx, `
		UPDATE run SET blind = blind OR $2, plan_hold = plan_hold AND planned_at IS NULL AND NOT (blind OR $2),
		       planned_at = CASE WHEN planned_at > clock_timestamp() - make_interval(secs => $3) THEN planned_at END
		WHERE id = $1
		RETURNING blind OR planned_at IS NOT NULL`, run, blind, planAge.Seconds()).Scan(&planned)
	switch {
	case err != nil:
		return "", fmt.Errorf("look for the plan of run %d: %w", run, err)
	case planned:
		return Running, nil
	}
	// Until the plan is there, the canary's rows are a number of rows.
	_, err = tx.Exec(ctx, `
		UPDATE run_count SET canary_rows = canary_settled - settled, canary_settled = NULL
		WHERE run = $1 AND canary_rows IS NOT NULL AND canary_settled IS NOT NULL`, run)
	if err != nil {
		return "", fmt.Errorf("count the canary of run %d anew: %w", run, err)
	}
	_, err = tx.Exec(ctx, `
		DELETE FROM plan WHERE run = $1
		AND (SELECT min(begun_at) FROM plan WHERE run = $1) < clock_timestamp() - make_interval(secs => $2)`, run, planAge.Seconds())
	if err != nil {
		return "", fmt.Errorf("take the old plan of run %d away: %w", run, err)
	}
	return Planning, nil
}

// Survey makes the parts of a planning run, if there are none. ok is false while answers to the run's own requests are
// awaited, and for some seconds after an older run has ended, if this one is new: what they change would be read half. That
// is not waited for again and again, because a tenant may have runs that follow each other closely.
func (l *Ledger) Survey(ctx context.Context, run int64) (ok bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		// The lock keeps two from making them.
		r, err := lockRun(ctx, tx, run, "FOR NO KEY UPDATE")
		if err != nil || r.State != Planning {
			ok = err == nil
			return err
		}
		err = tx.QueryRow(ctx, `
			SELECT NOT EXISTS (SELECT FROM in_flight WHERE run = $1) AND NOT EXISTS (
				SELECT FROM run o JOIN run mine ON mine.id = $1
				WHERE o.tenant = mine.tenant AND o.id < mine.id AND o.finished_at > clock_timestamp() - make_interval(secs => $2)
				  AND mine.created_at > clock_timestamp() - make_interval(secs => 2 * $2))`, run, contestedFor.Seconds()).Scan(&ok)
		if err != nil || !ok {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO plan (run, part, route, device_configuration_id, certificate_id, rows, first_row, last_row)
			SELECT $1, row_number() OVER (ORDER BY min(u.row)), u.route, u.device_configuration_id, u.certificate_id, count(*), min(u.row), max(u.row)
			FROM status_update u
			WHERE u.run = $1 AND NOT EXISTS (SELECT FROM plan WHERE run = $1)
			  AND NOT EXISTS (SELECT FROM audit_event e WHERE e.run = $1 AND e.row = u.row AND e.final)
			GROUP BY u.route, u.device_configuration_id, u.certificate_id`, run)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look what run %d has to read: %w", run, err)
	}
	return ok, nil
}

// OpenParts returns the numbers of the parts of a run that are still to be planned.
func (l *Ledger) OpenParts(ctx context.Context, run int64) (open []int32, err error) {
	rows, err := l.pool.Query(ctx, `SELECT part FROM plan WHERE run = $1 AND done_at IS NULL ORDER BY part`, run)
	if err == nil {
		open, err = pgx.CollectRows(rows, pgx.RowTo[int32])
	}
	if err != nil {
		return nil, fmt.Errorf("look for the plan of run %d: %w", run, err)
	}
	return open, nil
}

// PlansMore reports whether a part of the run's plan is still to be made.
func (l *Ledger) PlansMore(ctx context.Context, run int64) (more bool, err error) {
	err = l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM plan WHERE run = $1 AND done_at IS NULL)`, run).Scan(&more)
	if err != nil {
		return false, fmt.Errorf("look for the plan of run %d: %w", run, err)
	}
	return more, nil
}

// FinishPlan ends the planning of a run in the caller's transaction, when all its parts are done: it runs then, or is held for
// a person to look at the plan. It returns the run as it is then.
func FinishPlan(ctx context.Context, tx pgx.Tx, id int64, actor string) (Run, error) {
	// First the counts, then the run: the order of whoever settles rows.
	if _, err := tx.Exec(ctx, `SELECT FROM run_count WHERE run = $1 FOR NO KEY UPDATE`, id); err != nil {
		return Run{}, fmt.Errorf("lock the counts of run %d: %w", id, err)
	}
	run, err := lockRun(ctx, tx, id, "FOR NO KEY UPDATE")
	if err != nil || run.State != Planning {
		return run, err
	}
	counts, text, done, err := planSum(ctx, tx, id)
	if err != nil || !done {
		return run, err
	}
	if err := countFromHere(ctx, tx, run); err != nil {
		return run, err
	}
	to, reason := Running, ""
	switch drifted, err := tooMuchDrift(ctx, tx, run, counts); {
	case err != nil:
		return run, err
	case drifted != "":
		to, reason = Held, drifted
	case run.PlanHold:
		to, reason = Held, "planned: "+text
	}
	_, err = tx.Exec(ctx, `UPDATE run SET state = $2, planned_at = clock_timestamp(), reason = nullif($3, '') WHERE id = $1`, id, to, clean(reason))
	if err != nil {
		return run, fmt.Errorf("note that run %d is planned: %w", id, err)
	}
	if _, err := runEvent(ctx, tx, id, "planned", actor, text); err != nil {
		return run, err
	}
	if to == Held {
		if _, err := runEvent(ctx, tx, id, "held", actor, reason); err != nil {
			return run, err
		}
	}
	return getRun(ctx, tx, id)
}

// countFromHere has what the plan settled count neither for the failures nor for the canary: those are about rows that are
// sent.
func countFromHere(ctx context.Context, tx pgx.Tx, run Run) error {
	_, err := tx.Exec(ctx, `
		UPDATE run_count SET planned_settled = settled, waived_settled = settled, waived_failures = rejected + failed,
		       canary_settled = settled + canary_rows,
		       canary_rows = CASE WHEN $2 > 0 THEN (SELECT max(row) FROM (
		           SELECT u.row FROM status_update u
		           WHERE u.run = $1 AND NOT EXISTS (SELECT FROM audit_event e WHERE e.run = $1 AND e.row = u.row AND e.final)
		           ORDER BY u.row LIMIT $2) first) END
		WHERE run = $1`, run.ID, run.CanaryRows)
	if err != nil {
		return fmt.Errorf("count run %d from its plan on: %w", run.ID, err)
	}
	return nil
}

// Found returns what the plan of a run has found so far, the same in words, and whether the plan is complete.
func (l *Ledger) Found(ctx context.Context, run int64) (c PlanCounts, text string, done bool, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		c, text, done, err = planSum(ctx, tx, run)
		return err
	})
	return c, text, done, err
}

// tooMuchDrift says why a run is held that would change more than it may.
func tooMuchDrift(ctx context.Context, tx pgx.Tx, run Run, found PlanCounts) (reason string, err error) {
	limit, err := ParseDriftLimit(run.Options.MaxDrift)
	if err != nil || limit == (DriftLimit{}) {
		return "", err
	}
	var rows int
	if err := tx.QueryRow(ctx, `SELECT rows FROM run_count WHERE run = $1`, run.ID).Scan(&rows); err != nil {
		return "", fmt.Errorf("count the rows of run %d: %w", run.ID, err)
	}
	drift := found.Differ + found.Missing
	if !limit.exceeded(rows, drift) {
		return "", nil
	}
	return fmt.Sprintf("%s of %s drifted, more than max-drift %s allows: nothing of the run is sent. Look whether the source is right, then release or cancel it",
		humanize.Comma(int64(drift)), rowsText(int32(rows)), limit), nil
}

// planSum adds the parts up, also in words; done says that there are some, and none is still to be planned.
func planSum(ctx context.Context, tx pgx.Tx, run int64) (c PlanCounts, text string, done bool, err error) {
	var warning string
	err = tx.QueryRow(ctx, `
		SELECT coalesce(sum(unchanged), 0), coalesce(sum(differ), 0), coalesce(sum(missing), 0), coalesce(sum(unread), 0), coalesce(sum(left_alone), 0),
		       coalesce(bool_and(done_at IS NOT NULL), false), coalesce(min(warning), '')
		FROM plan WHERE run = $1`, run).Scan(&c.Unchanged, &c.Differ, &c.Missing, &c.Unread, &c.LeftAlone, &done, &warning)
	if err != nil {
		return c, "", false, fmt.Errorf("add up the plan of run %d: %w", run, err)
	}
	text = c.String()
	if warning != "" {
		text += "; " + warning
	}
	return c, text, done, nil
}

// String names what there is.
func (c PlanCounts) String() string {
	parts := []string{humanize.Comma(int64(c.Unchanged)) + " unchanged", humanize.Comma(int64(c.Differ)) + " to change"}
	if c.Missing > 0 {
		parts = append(parts, humanize.Comma(int64(c.Missing))+" missing")
	}
	if c.LeftAlone > 0 {
		parts = append(parts, humanize.Comma(int64(c.LeftAlone))+" left alone, because they drift back again and again")
	}
	if c.Unread > 0 {
		parts = append(parts, humanize.Comma(int64(c.Unread))+" could not be read")
	}
	return strings.Join(parts, ", ")
}
