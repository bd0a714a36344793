package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What many rows share, a configuration say or how a user's name begins, no index of events knows: they are found by their rows.
// The rows of one run are at most as many as its file had, so the page is put together run by run, in the order in which the
// runs' first events come, until nothing that comes before its last event can be missing.

// eventsPerRow is how many events are looked through for rows in memory in the time that it takes to go from one row to its
// events: 0.25 and 2.1 µs, measured.
const eventsPerRow = 8

// runEnd is a run, and when its event was recorded that comes first in the order.
type runEnd struct {
	Run  int64
	Rows int
	At   time.Time
}

// ofManyRows finds events by properties that many rows may share.
func (s *search) ofManyRows(ctx context.Context) ([]Event, error) {
	n, err := s.countRows(ctx, s.fewRows)
	if err != nil {
		return nil, err
	}
	if n <= s.fewRows {
		return s.read(ctx, s.rowsFirst())
	}
	runs, err := s.runsOfRows(ctx)
	if err != nil {
		return nil, err
	}
	if len(runs) > s.mostRuns {
		return s.read(ctx, s.whole())
	}
	ends, err := s.ends(ctx, runs)
	if err != nil {
		return nil, err
	}
	var page []Event
	for atOnce := 1; len(ends) > 0 && !s.complete(page, ends[0]); {
		found, of, err := s.ofFirstRuns(ctx, ends[:min(atOnce, len(ends))])
		if err != nil {
			return nil, err
		}
		page = s.merged(page, found)
		ends, atOnce = ends[of:], 2*of
	}
	return page, nil
}

// complete reports whether a page is full and ends before all that is left.
func (s *search) complete(page []Event, left runEnd) bool {
	return len(page) == s.Limit && s.sign()*page[len(page)-1].RecordedAt.Compare(left.At) < 0
}

// ofFirstRuns finds the events of some runs, or only of the first when their rows are too many. It says of how many.
func (s *search) ofFirstRuns(ctx context.Context, ends []runEnd) (page []Event, of int, err error) {
	part := *s
	part.only(ends)
	few := s.fewRows
	for _, end := range ends {
		few = max(few, end.Rows/eventsPerRow)
	}
	n, err := part.countRows(ctx, few)
	switch {
	case err != nil:
		return nil, 0, err
	case n <= few:
		page, err = s.read(ctx, part.rowsFirst())
		return page, len(ends), err
	case len(ends) > 1:
		return s.ofFirstRuns(ctx, ends[:1])
	}
	page, err = part.ofOneRun(ctx, ends[0].Rows)
	return page, 1, err
}

// ofOneRun finds the events of a run of which many rows share what is asked for.
func (s *search) ofOneRun(ctx context.Context, rows int) ([]Event, error) {
	page, err := s.read(ctx, s.recent())
	if err != nil || len(page) == s.Limit {
		return page, err
	}
	if rows > s.mostHashed {
		if rows, err = s.countRows(ctx, s.mostHashed); err != nil {
			return nil, err
		}
	}
	if rows > s.mostHashed {
		return s.read(ctx, s.whole())
	}
	return s.read(ctx, s.hashed())
}

// countRows counts the rows that the filter names, up to one more than most.
func (s *search) countRows(ctx context.Context, most int) (n int, err error) {
	rows := s.rows()
	sql := `SELECT count(*) FROM (` + rows.sql + ` LIMIT ` + strconv.Itoa(most+1) + `) u`
	if err := s.tx.QueryRow(ctx, sql, rows.named()).Scan(&n); err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	return n, nil
}

// hashed looks through the events in the order of time, with all rows in memory. What is asked of it IS TRUE, or else the planner
// would look up each event's row; and the LIMIT tells it that they fit.
func (s *search) hashed() statement {
	rows := s.rows()
	c := s.whereEvent()
	s.whereSearch(&c)
	c.all = append(c.all, `((e.run, e.row) IN (`+rows.sql+` LIMIT `+strconv.Itoa(s.mostHashed)+`)) IS TRUE`)
	c.take(rows.conditions)
	t := s.tail(c)
	t.sql = `SELECT e.* FROM audit_event e` + t.sql
	return t
}

// runsOfRows are the runs with a row of such a configuration, route or user.
func (s *search) runsOfRows(ctx context.Context) ([]int64, error) {
	c, runs := s.whereUpdate(), s.whereRun()
	c.take(runs)
	sql := `SELECT r.id FROM run r CROSS JOIN LATERAL (SELECT FROM status_update u WHERE ` + ofRun + ` AND ` + c.sql() + ` LIMIT 1) u WHERE ` + runs.sql()
	rows, err := s.tx.Query(ctx, sql, c.named())
	if err != nil {
		return nil, fmt.Errorf("look for runs: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look for runs: %w", err)
	}
	return found, nil
}

// ends are those of the runs that have an event in the time and of the outcomes that are asked for, in the order of events.
func (s *search) ends(ctx context.Context, runs []int64) ([]runEnd, error) {
	extreme := "max"
	if s.Oldest {
		extreme = "min"
	}
	var c conditions
	c.and(`e.run = r.id AND e.run + 0 = r.id AND e.outcome COLLATE "C" = o.outcome`, "runs", runs)
	s.whereTime(&c)
	if s.after != nil {
		c.and("e.recorded_at "+s.beyond()+"= @after_at", "after_at", s.after.RecordedAt)
	}
	c.set("outcomes", s.outcomes())
	rows, err := s.tx.Query(ctx, `
		SELECT r.id, c.rows, `+extreme+`(t.recorded_at)
		FROM unnest(@runs::bigint[]) r (id) JOIN run_count c ON c.run = r.id CROSS JOIN unnest(@outcomes::text[]) o (outcome)
		CROSS JOIN LATERAL (SELECT e.recorded_at FROM audit_event e WHERE `+c.sql()+` ORDER BY e.recorded_at`+s.direction()+` LIMIT 1) t
		GROUP BY r.id, c.rows ORDER BY 3`+s.direction(), c.named())
	if err != nil {
		return nil, fmt.Errorf("ask when runs were worked: %w", err)
	}
	ends, err := pgx.CollectRows(rows, pgx.RowToStructByPos[runEnd])
	if err != nil {
		return nil, fmt.Errorf("ask when runs were worked: %w", err)
	}
	return ends, nil
}

// outcomes are those that events which satisfy the filter can have.
func (s *search) outcomes() []string {
	switch {
	case len(s.Outcomes) > 0:
		return s.Outcomes
	case s.Final:
		return settling
	case len(s.whereUpdate().all) > 0:
		return slices.Concat(settling, passing)
	}
	return Outcomes()
}

// only narrows the search to some runs and to the time in which they were worked.
func (s *search) only(ends []runEnd) {
	s.runs = nil
	for _, end := range ends {
		s.runs = append(s.runs, end.Run)
	}
	if first := ends[0].At; s.Oldest {
		s.Since = first
	} else {
		s.Until = first.Add(time.Microsecond)
	}
}

// merged are two pages as one.
func (s *search) merged(page, found []Event) []Event {
	page = append(page, found...)
	slices.SortFunc(page, func(a, b Event) int { return s.sign() * compareEvents(&a, &b) })
	return page[:min(s.Limit, len(page))]
}

// sign turns an order, oldest first, into the one that is asked for.
func (s *search) sign() int {
	if s.Oldest {
		return 1
	}
	return -1
}

// compareEvents is orderKey in Go.
func compareEvents(a, b *Event) int {
	return cmp.Or(a.RecordedAt.Compare(b.RecordedAt), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Outcome, b.Outcome),
		bytes.Compare(requestOf(a), requestOf(b)))
}

func requestOf(e *Event) []byte {
	if e.ClientRequestID == nil {
		return uuid.Nil[:]
	}
	return e.ClientRequestID[:]
}
