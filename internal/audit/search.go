package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// search is an EventFilter at work in a transaction.
type search struct {
	EventFilter
	tx pgx.Tx
	bounds
	after *position
	runs  []int64 // the only runs there can be events of; nil: not known
	empty bool    // there can be none
}

func (a *Audit) search(ctx context.Context, tx pgx.Tx, f EventFilter) (*search, error) {
	s := &search{EventFilter: f, tx: tx, bounds: a.bounds}
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
	s.whereSearch(&c)
	return c
}

// whereSearch leaves what the search knows of events.
func (s *search) whereSearch(c *conditions) {
	if s.runs != nil {
		c.and("e.run = ANY (@runs)", "runs", s.runs)
	}
	s.whereAfter(c)
}

// whereRun are the conditions on the event's run, r, what the search knows of runs included.
func (s *search) whereRun() conditions {
	c := s.EventFilter.whereRun()
	if s.runs != nil {
		c.and("r.id = ANY (@runs)", "runs", s.runs)
	}
	return c
}

// bounds are those up to which one way to find events is better than the next. Tests have smaller ones.
type bounds struct {
	// reach is how many events are looked through in the order of time before anything else is tried: most questions are about
	// what is new, and are answered by then. It takes some milliseconds.
	reach int
	// fewRows is how many rows of all runs may be looked at for their events at once.
	fewRows int
	// mostHashed is how many rows of a run are kept in memory to look through its events: 16 MB.
	mostHashed int
	// mostRuns is of how many runs it is worth asking when they were worked.
	mostRuns int
}

var measuredBounds = bounds{reach: 2000, fewRows: 3000, mostHashed: 200_000, mostRuns: 1000}

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

// narrow lets the search of one run begin where its events do.
func (s *search) narrow(ctx context.Context) error {
	if s.Run == 0 {
		return nil
	}
	ends, err := s.ends(ctx, []int64{s.Run})
	switch {
	case err != nil:
		return err
	case len(ends) == 0:
		s.empty = true
	default:
		s.only(ends)
	}
	return nil
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
