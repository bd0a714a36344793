package audit

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// statement is SQL with the values it names.
type statement struct {
	sql string
	conditions
}

// order is how the events are ordered, by what else before that.
func (s *search) order(before ...string) string {
	return "ORDER BY " + strings.Join(append(before, orderKey...), s.direction()+", ") + s.direction()
}

func (s *search) direction() string {
	if s.Oldest {
		return ""
	}
	return " DESC"
}

// beyond compares what comes later in the order with what comes before it.
func (s *search) beyond() string {
	if s.Oldest {
		return ">"
	}
	return "<"
}

// whereAfter leaves what comes after a position. The time is named twice, because only alone it leads into an index.
func (s *search) whereAfter(c *conditions) {
	if s.after == nil {
		return
	}
	compare := s.beyond()
	c.and("e.recorded_at "+compare+"= @after_at AND ("+strings.Join(orderKey, ", ")+") "+compare+
		" (@after_at, @after_run, @after_row, @after_outcome, @after_request)", "after_at", s.after.RecordedAt)
	c.set("after_run", s.after.Run)
	c.set("after_row", s.after.Row)
	c.set("after_outcome", s.after.Outcome)
	c.set("after_request", s.after.ClientRequestID)
}

// tail ends a statement whose conditions it takes, in the order of events, by what else before that.
func (s *search) tail(c conditions, before ...string) statement {
	sql := " WHERE " + c.sql() + " " + s.order(before...)
	if s.Limit > 0 {
		sql += " LIMIT @limit"
		c.set("limit", s.Limit)
	}
	return statement{sql, c}
}

// whole is all conditions at once.
func (s *search) whole() statement {
	if s.rowsAreFew() {
		return s.rowsFirst()
	}
	t := s.tail(s.where())
	t.sql = "SELECT e.* FROM audit_event e" + t.sql
	return t
}

// rowsAreFew reports whether the filter names rows so closely that nobody has many like them.
func (s *search) rowsAreFew() bool {
	return s.Row == nil && s.RequestID == "" && (s.StatusID != "" || s.User.Text != "" && !s.User.Prefix)
}

// recent looks through the first events in the order of time.
func (s *search) recent() statement {
	var inner conditions
	s.whereTime(&inner)
	s.whereAfter(&inner)
	t := s.tail(s.where())
	t.sql = "SELECT e.* FROM (SELECT e.* FROM audit_event e WHERE " + inner.sql() + " " + s.order() + " LIMIT @reach) e" + t.sql
	t.set("reach", s.reach)
	return t
}

// ofRow is a row of the same number of every run.
func (s *search) ofRow() statement {
	t := s.tail(s.where())
	t.sql = "SELECT e.* FROM run r JOIN audit_event e ON e.run = r.id" + t.sql
	return t
}

// ofRun leads to the partition of the run's rows, and into an index.
const ofRun = "u.run = r.id AND u.run + 0 = r.id"

// rows are the run and row of what the filter says of rows. Status ids have an index of their own. Otherwise it goes run by run,
// so that whoever wants only some reads no more: OFFSET 0 keeps the planner from gathering them all.
func (s *search) rows() statement {
	c, runs := s.whereUpdate(), s.whereRun()
	if s.StatusID != "" {
		from := "status_update u"
		if len(runs.all) > 0 {
			from = "run r JOIN status_update u ON u.run = r.id"
			c.all = append(c.all, runs.all...)
			c.take(runs)
		}
		return statement{"SELECT u.run, u.row FROM " + from + " WHERE " + c.sql(), c}
	}
	t := statement{"SELECT u.run, u.row FROM run r CROSS JOIN LATERAL (SELECT u.run, u.row FROM status_update u WHERE " +
		ofRun + " AND " + c.sql() + " OFFSET 0) u WHERE " + runs.sql(), c}
	t.take(runs)
	return t
}

// rowsFirst goes from the rows to their events.
func (s *search) rowsFirst() statement {
	rows := s.rows()
	c := s.whereEvent()
	s.whereAfter(&c)
	t := s.tail(c)
	t.take(rows.conditions)
	t.sql = "SELECT e.* FROM (WITH u AS MATERIALIZED (" + rows.sql + ") SELECT e.* FROM u JOIN audit_event e ON e.run = u.run AND e.row = u.row) e" + t.sql
	return t
}

const (
	eventColumns = `event_id(e.run, e.row, e.recorded_at, e.outcome, e.client_request_id) AS id,
		e.run, e.row, u.line, e.outcome, e.final, e.spared, e.status, e.method, e.url, e.sent_at, e.recorded_at, e.elapsed_us / 1000.0::float8 AS elapsed_ms,
		e.client_request_id, e.request_id, e.worker, e.actor, e.error,
		u.route, u.device_configuration_id, u.certificate_id, u.user_status_id, u.user_principal_name`
	bodyColumns = `e.request_body, e.response_headers, e.response_body, e.body_cut`
)

// read returns the events of a page.
func (s *search) read(ctx context.Context, events statement) ([]Event, error) {
	var page []Event
	err := s.stream(ctx, events, func(e Event) bool {
		page = append(page, e)
		return true
	})
	return page, err
}

// stream hands the events to each, in order, until it returns false. First the events are found, and only then the rows they
// happened to: joined before the limit, all would be.
func (s *search) stream(ctx context.Context, events statement, each func(Event) bool) error {
	columns := eventColumns
	if s.Bodies {
		columns += `, ` + bodyColumns
	}
	sql := `SELECT ` + columns + ` FROM (` + events.sql + `) e LEFT JOIN status_update u ON u.run = e.run AND u.row = e.row ` + s.order()
	rows, err := s.tx.Query(ctx, sql, events.named())
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := pgx.RowToStructByNameLax[Event](rows)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		e.toUTC()
		if !each(e) {
			return errLeft
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}
