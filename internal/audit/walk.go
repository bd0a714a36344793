package audit

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// A walk follows an index that begins with a key and goes on with the time, through the stretch that has one value of the key.
// That value is not said to the planner to be the only one: knowing that, it would take the index of times alone to be as
// good, and on a bad guess read all of the history for what is only at its other end.

// stretch is the condition of a walk, and key what the walk is ordered by first.
func (s *search) stretch(c *conditions, key, value string) {
	c.all = append(c.all, "("+key+", e.recorded_at) >= ("+value+", @from::timestamptz) AND ("+key+", e.recorded_at) <= ("+value+", @to::timestamptz)")
	from, to := s.Since, s.Until
	if s.after != nil && s.Oldest {
		from = s.after.RecordedAt
	} else if s.after != nil {
		to = s.after.RecordedAt
	}
	c.set("from", instant(from, pgtype.NegativeInfinity))
	c.set("to", instant(to, pgtype.Infinity))
}

// instant is a time, or what stands for none.
func instant(t time.Time, none pgtype.InfinityModifier) pgtype.Timestamptz {
	if t.IsZero() {
		return pgtype.Timestamptz{InfinityModifier: none, Valid: true}
	}
	return pgtype.Timestamptz{Time: t, Valid: true}
}

// without is the search for more, without what a walk asks for by itself.
func (s *search) without(leave func(*EventFilter)) *search {
	more := *s
	leave(&more.EventFilter)
	return &more
}

func (s *search) byCode() statement {
	c := s.without(func(f *EventFilter) { f.ErrorCode = "" }).where()
	c.and("e.row > 0 AND e.error IS NOT NULL", "error_code", s.ErrorCode)
	s.stretch(&c, errorCode, "lower(left(@error_code, 64))")
	t := s.tail(c, errorCode)
	t.sql = "SELECT e.* FROM audit_event e" + t.sql
	return t
}

func (s *search) byWorker() statement {
	const worker = `e.worker COLLATE "C"`
	c := s.without(func(f *EventFilter) { f.Worker = "" }).where()
	c.and("e.worker IS NOT NULL", "worker", s.Worker)
	s.stretch(&c, worker, "@worker")
	t := s.tail(c, worker)
	t.sql = "SELECT e.* FROM audit_event e" + t.sql
	return t
}

// byStatus takes the page of each status, and of those the first.
func (s *search) byStatus() statement {
	c := s.without(func(f *EventFilter) { f.Status = StatusRange{} }).where()
	c.all = append(c.all, "e.status IS NOT NULL")
	s.stretch(&c, "e.status", "s.status")
	t := s.tail(c, "e.status")
	t.sql = "SELECT e.* FROM generate_series(@low::integer, @high::integer) n (n) CROSS JOIN LATERAL (SELECT n.n::smallint AS status) s CROSS JOIN LATERAL (" +
		"SELECT e.* FROM audit_event e" + t.sql + ") e " + s.order() + " LIMIT @limit"
	t.set("low", s.Status.Low)
	t.set("high", s.Status.High)
	return t
}

// byRun takes the page of each outcome of each run, and of those the first. In a page of so many events there are no more such
// groups than that, so that only the groups are read whose first events are the first.
func (s *search) byRun() statement {
	const outcome = `e.outcome COLLATE "C"`
	c := s.without(func(f *EventFilter) { f.Run, f.Tenant, f.Outcomes = 0, uuid.Nil, nil }).where()
	c.all = append(c.all, "e.run = g.run AND e.run + 0 = g.run")
	s.stretch(&c, outcome, "g.outcome")
	first := c.sql() + " ORDER BY " + outcome + s.direction() + ", e.recorded_at" + s.direction() + " LIMIT 1"
	runs := s.whereRun()
	t := s.tail(c, outcome)
	t.sql = `WITH g AS MATERIALIZED (
			SELECT g.run, g.outcome, first.recorded_at
			FROM (SELECT r.id AS run, o.outcome FROM run r CROSS JOIN unnest(@groups::text[]) o (outcome) WHERE ` + runs.sql() + `) g
			CROSS JOIN LATERAL (SELECT e.recorded_at FROM audit_event e WHERE ` + first + `) first
			ORDER BY first.recorded_at` + s.direction() + ` FETCH FIRST @limit ROWS WITH TIES)
		SELECT e.* FROM g CROSS JOIN LATERAL (SELECT e.* FROM audit_event e` + t.sql + `) e ` + s.order() + ` LIMIT @limit`
	t.take(runs)
	t.set("groups", s.outcomes())
	return t
}
