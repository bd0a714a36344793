package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// search is an EventFilter at work in a transaction.
type search struct {
	EventFilter
	tx             pgx.Tx
	reach, fewRows int
	after          *position
	runs           []int64 // the only runs there can be events of; nil: not known
	empty          bool    // there can be none
}

func (a *Audit) search(ctx context.Context, tx pgx.Tx, f EventFilter) (*search, error) {
	s := &search{EventFilter: f, tx: tx, reach: a.reach, fewRows: a.fewRows}
	if f.RequestID != "" {
		// Of two ids one is asked for, which takes two indexes at once.
		if _, err := tx.Exec(ctx, `SET LOCAL enable_bitmapscan = on`); err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
	}
	if f.Run != 0 {
		if err := checkRun(ctx, tx, f.Run); err != nil {
			return nil, err
		}
	}
	if f.After != "" {
		var err error
		if s.after, err = positionOf(ctx, tx, f.After); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// where are the conditions on e, those of the search included.
func (s *search) where() conditions {
	c := s.EventFilter.where()
	if s.runs != nil {
		c.and("e.run = ANY (@runs)", "runs", s.runs)
	}
	s.whereAfter(&c)
	return c
}

// reach is how many events are looked through in the order of time before anything else is tried: most questions are about
// what is new, and are answered by then. It takes some milliseconds.
const reach = 2000

// fewRows is how many rows may be looked at for their events at once.
const fewRows = 3000

// page finds the first events of the order by the index that leads to them soonest, whatever the planner would guess: events
// of one kind often lie together at the far end of the history, and a walk that expects them everywhere reads all of it.
func (s *search) page(ctx context.Context) ([]Event, error) {
	switch {
	case s.onlyTime(), s.RequestID != "", s.Row != nil && s.Run != 0, s.rowsAreFew():
		return s.read(ctx, s.whole())
	case s.Row != nil:
		return s.read(ctx, s.ofRow())
	}
	if err := s.narrow(ctx); err != nil || s.empty {
		return nil, err
	}
	page, err := s.read(ctx, s.recent())
	if err != nil || len(page) == s.Limit {
		return page, err
	}
	if len(s.whereUpdate().all) > 0 {
		return s.ofManyRows(ctx)
	}
	return s.read(ctx, s.byIndex())
}

// onlyTime reports whether nothing is asked for but a stretch of time.
func (s *search) onlyTime() bool {
	f := s.EventFilter
	f.Since, f.Until = time.Time{}, time.Time{}
	return len(f.where().all) == 0
}

// byIndex is the walk along the index that has the least in it.
func (s *search) byIndex() statement {
	switch {
	case s.ErrorCode != "":
		return s.byCode()
	case s.Status != (StatusRange{}):
		return s.byStatus()
	case len(s.Outcomes) == 0 && s.Worker != "":
		return s.byWorker()
	}
	return s.byRun()
}

// ofManyRows finds events by properties that many rows may share. When few do, it goes from them to their events, otherwise
// through the time in which their runs were worked.
func (s *search) ofManyRows(ctx context.Context) ([]Event, error) {
	count := s.rows()
	count.sql = `SELECT count(*) FROM (` + count.sql + ` LIMIT ` + strconv.Itoa(s.fewRows+1) + `) u`
	var n int
	if err := s.tx.QueryRow(ctx, count.sql, count.named()).Scan(&n); err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	if n <= s.fewRows {
		return s.read(ctx, s.rowsFirst())
	}
	if err := s.ofRuns(ctx, s.runsOfRows()); err != nil || s.empty {
		return nil, err
	}
	return s.read(ctx, s.whole())
}

// narrow lets the search of one run begin where its events do.
func (s *search) narrow(ctx context.Context) error {
	if s.Run == 0 {
		return nil
	}
	return s.ofRuns(ctx, statement{sql: `SELECT r.id FROM run r WHERE r.id = @run`, conditions: s.whereRun()})
}

// maxSpan is of how many runs it is worth asking when they were worked.
const maxSpan = 1000

// ofRuns narrows the search to runs, and if they are few lets it begin with the first of their events.
func (s *search) ofRuns(ctx context.Context, runs statement) error {
	rows, err := s.tx.Query(ctx, runs.sql, runs.named())
	if err != nil {
		return fmt.Errorf("look for runs: %w", err)
	}
	if s.runs, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return fmt.Errorf("look for runs: %w", err)
	}
	if len(s.runs) > maxSpan {
		return nil
	}
	end, err := s.end(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("ask when runs were worked: %w", err)
	case end == nil:
		s.empty = true
	case s.Oldest && s.Since.Before(*end):
		s.Since = *end
	case !s.Oldest && (s.Until.IsZero() || s.Until.After(*end)):
		s.Until = end.Add(time.Microsecond)
	}
	return nil
}

// end is the time of the runs' event that comes first in the order, nil when they have none.
func (s *search) end(ctx context.Context) (end *time.Time, err error) {
	extreme := "max"
	if s.Oldest {
		extreme = "min"
	}
	err = s.tx.QueryRow(ctx, `
		SELECT `+extreme+`(t.recorded_at)
		FROM unnest($1::bigint[]) r (id) CROSS JOIN unnest($2::text[]) o (outcome) CROSS JOIN LATERAL (
			SELECT e.recorded_at FROM audit_event e
			WHERE e.run = r.id AND e.run + 0 = r.id AND e.outcome COLLATE "C" = o.outcome
			ORDER BY e.recorded_at`+s.direction()+` LIMIT 1) t`, s.runs, Outcomes()).Scan(&end)
	return end, err
}

// position is where an event stands in the order of all.
type position struct {
	RecordedAt      time.Time
	Run             int64
	Row             int32
	Outcome         string
	ClientRequestID uuid.UUID // uuid.Nil: none
}

// orderKey is the order of events: of time, and among those of one instant one that never changes.
var orderKey = []string{"e.recorded_at", "e.run", "e.row", `e.outcome COLLATE "C"`, "coalesce(e.client_request_id, '00000000-0000-0000-0000-000000000000')"}
