package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// Part returns a part of a run's plan. The error is pgx.ErrNoRows when it is there no more.
func (l *Ledger) Part(ctx context.Context, run Run, number int32) (*Part, error) {
	p := Part{Run: run.ID, Number: number, Collection: userstatus.Target{Tenant: run.Tenant}}
	c := &p.Collection
	err := l.pool.QueryRow(ctx, `
		SELECT route, device_configuration_id, coalesce(certificate_id, ''), rows, first_row, last_row, begun_at, step,
		       way, coalesce(link, ''), pages, listed, total, faults, swept, coalesce(warning, ''), done_at IS NOT NULL,
		       unchanged, differ, missing, unread, left_alone, changes
		FROM plan WHERE run = $1 AND part = $2`, run.ID, number).
		Scan(&c.Route, &c.ConfigurationID, &c.CertificateID, &p.Rows, &p.First, &p.Last, &p.BegunAt, &p.Step,
			&p.Way, &p.Link, &p.Pages, &p.Listed, &p.Total, &p.Faults, &p.Swept, &p.Warning, &p.Done,
			&p.Unchanged, &p.Differ, &p.Missing, &p.Unread, &p.LeftAlone, &p.Changes)
	if err != nil {
		return nil, fmt.Errorf("read part %d of the plan of run %d: %w", number, run.ID, err)
	}
	return &p, nil
}

// PlannedRow is an open row of a part that was not looked at yet.
type PlannedRow struct {
	OpenRow
	// Contested says that an older update of the status may still be sent, or was sent a moment ago: what was read may not
	// be what is there when that has come to its end.
	Contested bool
}

// contestedFor is how long before a read another update of the status may have been answered, for what was read to be taken
// for what is there: what is written may take a moment to be seen, as a canary's is given.
const contestedFor = 5 * time.Second

// plannedColumns are those of scanPlanned. $1 is the run, $2 its tenant, and $3 for how many seconds an answer to another
// update is too fresh. Of other runs with the same status most often there is none, which is asked once.
const plannedColumns = `u.row, u.target, u.route, u.device_configuration_id, coalesce(u.certificate_id, ''), u.user_status_id, u.asks,
	u.user_display_name, u.devices_count, u.status, u.last_reported_date_time, u.user_principal_name, coalesce(u.expects, ''),
	(SELECT EXISTS (SELECT FROM run o WHERE o.tenant = $2 AND o.id < $1 AND (o.finished_at IS NULL OR o.finished_at > statement_timestamp() - make_interval(secs => $3)))) AND EXISTS (
		SELECT FROM status_update o JOIN run r ON r.id = o.run
		WHERE o.target = u.target AND o.run < $1 AND (r.finished_at IS NULL OR r.finished_at > statement_timestamp() - make_interval(secs => $3))
		  AND NOT EXISTS (SELECT FROM audit_event e WHERE e.run = o.run AND e.row = o.row AND e.final AND e.recorded_at < statement_timestamp() - make_interval(secs => $3)))`

// notLookedAt is the condition that a row of u is open and the plan that was begun at $4 has not looked at it.
const notLookedAt = `NOT EXISTS (
	SELECT FROM audit_event e WHERE e.run = $1 AND e.row = u.row AND (e.final OR e.outcome = 'observed' AND e.recorded_at >= $4))`

// Matching returns the rows of a part that address one of these statuses and were not looked at yet. since is when those
// statuses were asked for.
func (l *Ledger) Matching(ctx context.Context, p *Part, keys []userstatus.Key, since time.Time) ([]PlannedRow, error) {
	ids := newUUIDs(len(keys))
	for i, key := range keys {
		ids[i] = asUUID(key)
	}
	rows, err := l.pool.Query(ctx, `
		SELECT `+plannedColumns+`
		FROM (SELECT DISTINCT unnest($5::uuid[]) AS key) k JOIN status_update u ON u.target = k.key AND u.run = $1
		WHERE `+notLookedAt+`
		ORDER BY u.row`, p.Run, p.Collection.Tenant, fresh(since), p.BegunAt, ids)
	if err != nil {
		return nil, fmt.Errorf("look for the rows of a page: %w", err)
	}
	return collectPlanned(rows, p)
}

// fresh is for how many seconds an answer to another update is too fresh. A time that has passed is the same on all clocks.
func fresh(since time.Time) float64 { return (time.Since(since) + contestedFor).Seconds() }

func collectPlanned(rows pgx.Rows, p *Part) ([]PlannedRow, error) {
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r PlannedRow, err error) {
		r.OpenRow, err = scanOpen(row, p.Collection.Tenant, &r.Contested)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read rows to be planned: %w", err)
	}
	return found, nil
}

// mostReads is how often a read of one row may fail in passing before the row is left as it is.
const mostReads = 3

// Unread returns up to so many rows of a part that were not looked at yet, in their order, but for those whose reads failed
// too often.
func (l *Ledger) Unread(ctx context.Context, p *Part, most int) ([]PlannedRow, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT `+plannedColumns+`
		FROM status_update u
		WHERE u.run = $1 AND u.row BETWEEN $5 AND $6
		  AND u.route = $7 AND u.device_configuration_id = $8 AND coalesce(u.certificate_id, '') = $9 AND `+notLookedAt+`
		  AND (SELECT count(*) FROM audit_event e
		       WHERE e.run = $1 AND e.row = u.row AND e.method = 'GET' AND NOT e.spared AND e.outcome IN ('transient', 'unknown') AND e.recorded_at >= $4) < $10
		ORDER BY u.row LIMIT $11`,
		p.Run, p.Collection.Tenant, fresh(time.Now()), p.BegunAt, max(p.First, p.Swept+1), p.Last,
		p.Collection.Route, p.Collection.ConfigurationID, p.Collection.CertificateID, mostReads, most)
	if err != nil {
		return nil, fmt.Errorf("look for rows that are not read: %w", err)
	}
	return collectPlanned(rows, p)
}

// ErrPlanned says that somebody else has gone on with the part.
var ErrPlanned = errors.New("somebody else plans this part")

// Step writes down how far a part has come, with what was found of its rows, in one commit. page is the request that was made
// for several of them, nil if each event has one of its own. Whoever comes second, for the same step, or when the run has
// ended, gets ErrPlanned; then only the requests are recorded, and they settle nothing. It returns the runs that it finished.
func (l *Ledger) Step(ctx context.Context, p *Part, page *Event, found []Event) (changes []Change, err error) {
	second := false
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) (err error) {
		if second, err = advance(ctx, tx, p); err != nil {
			return err
		}
		if second {
			found = requestsOnly(page, found)
		}
		t := &tally{}
		if page != nil {
			if _, err := l.insertFound(ctx, tx, []Event{*page}, t); err != nil {
				return err
			}
			t.countRequest(page)
		}
		inserted, err := l.insertFound(ctx, tx, found, t)
		if err != nil {
			return err
		}
		for i := range found {
			switch e := &found[i]; {
			case !inserted[e.Row]:
			case page != nil: // it is the request
				t.add(cmp.Or(e.Settles, e.Outcome))
			default:
				t.count(e)
			}
		}
		if len(t.leaves.rows) == 0 {
			return nil // nothing happened to count
		}
		changes, err = l.bump(ctx, tx, map[int64]*tally{p.Run: t})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record part %d of the plan of run %d: %w", p.Number, p.Run, err)
	}
	if second {
		return changes, ErrPlanned
	}
	p.Step++
	return changes, nil
}

// requestsOnly are the events of what was found that tell of requests of their own, and settle nothing.
func requestsOnly(page *Event, found []Event) []Event {
	if page != nil {
		return nil
	}
	var requests []Event
	for _, e := range found {
		if e.Method != "" {
			e.Settles = ""
			requests = append(requests, e)
		}
	}
	return requests
}

// advance moves the part on, if it stands where p was read. A run that was held meanwhile takes what was on its way all the same.
func advance(ctx context.Context, tx pgx.Tx, p *Part) (second bool, err error) {
	tag, err := tx.Exec(ctx, `
		UPDATE plan SET step = step + 1, way = $4, link = nullif($5, ''), pages = $6, listed = $7, total = $8, faults = $9, swept = $10,
		       warning = nullif($11, ''), unchanged = $12, differ = $13, missing = $14, unread = $15, changes = $16,
		       left_alone = $18, done_at = CASE WHEN $17 THEN clock_timestamp() END
		WHERE run = $1 AND part = $2 AND step = $3 AND EXISTS (SELECT FROM run WHERE id = $1 AND state IN ('planning', 'held') AND planned_at IS NULL)`,
		p.Run, p.Number, p.Step, p.Way, p.Link, p.Pages, p.Listed, p.Total, p.Faults, p.Swept, clean(p.Warning),
		p.Unchanged, p.Differ, p.Missing, p.Unread, p.Changes, p.Done, p.LeftAlone)
	return tag.RowsAffected() == 0, err
}

// insertFound inserts what was found of rows that are not in flight, and returns those rows. One that is settled already, by
// an answer that came from before the run was held, stays as it is. The leaves of what it inserts are added to t.
func (l *Ledger) insertFound(ctx context.Context, tx pgx.Tx, events []Event, t *tally) (inserted map[int32]bool, err error) {
	inserted = map[int32]bool{}
	if len(events) == 0 {
		return inserted, nil
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO audit_event (`+eventColumns+`)
		SELECT run, row, settles IS NOT NULL, coalesce(settles, outcome), `+eventSelect+`
		FROM `+eventsTable+`
		ON CONFLICT DO NOTHING
		RETURNING `+wholeEvent, append([]any{inBinary}, l.eventArgs(events)...)...)
	if err != nil {
		return nil, err
	}
	var run int64
	var row int32
	_, err = pgx.ForEachRow(rows, scanFirst(wholeEventColumns, &run, &row), func() error {
		inserted[row] = true
		t.leaves.add(row, eventLeaf(rows.RawValues()))
		return nil
	})
	return inserted, err
}
