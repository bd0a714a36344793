package audit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrNoEvent says that there is no event of that ID.
var ErrNoEvent = errors.New("no such event")

var eventID = regexp.MustCompile(`^([0-9]{12})-(0|[1-9][0-9]{0,9})-([0-9a-f]{8})$`)

// ParseEventID reads the ID of an event, in any case. The error says how one looks.
func ParseEventID(s string) (string, error) {
	id := strings.ToLower(s)
	if _, _, ok := splitEventID(id); !ok {
		return "", fmt.Errorf("%q is no event: those are named by run, row and eight more digits, such as 202611000042-17-9f3a61c2", s)
	}
	return id, nil
}

func splitEventID(id string) (run int64, row int32, ok bool) {
	parts := eventID.FindStringSubmatch(id)
	if parts == nil {
		return 0, 0, false
	}
	run, err := ParseRun(parts[1])
	n, rowErr := strconv.ParseInt(parts[2], 10, 32)
	return run, int32(n), err == nil && rowErr == nil
}

// Event returns the event of that ID, with bodies and headers, or ErrNoEvent.
func (a *Audit) Event(ctx context.Context, id string) (Event, error) {
	run, row, ok := splitEventID(id)
	if !ok {
		return Event{}, noEvent(id)
	}
	for e, err := range a.Events(ctx, EventFilter{Run: run, Row: &row, Bodies: true}) {
		switch {
		case errors.Is(err, ErrNoRun):
			return Event{}, noEvent(id)
		case err != nil:
			return Event{}, err
		case e.ID == id:
			return e, nil
		}
	}
	return Event{}, noEvent(id)
}

func noEvent(id string) error { return fmt.Errorf("event %s: %w", id, ErrNoEvent) }

// positionOf returns where the event stands. Its ID says the row, and a row has few events.
func positionOf(ctx context.Context, tx pgx.Tx, id string) (*position, error) {
	run, row, _ := splitEventID(id)
	rows, err := tx.Query(ctx, `
		SELECT e.recorded_at, e.run, e.row, e.outcome, coalesce(e.client_request_id, '00000000-0000-0000-0000-000000000000') AS client_request_id
		FROM audit_event e
		WHERE e.run = $1 AND e.row = $2 AND event_id(e.run, e.row, e.recorded_at, e.outcome, e.client_request_id) = $3
		LIMIT 1`, run, row, id)
	if err != nil {
		return nil, fmt.Errorf("look for event %s: %w", id, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[position])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, noEvent(id)
	case err != nil:
		return nil, fmt.Errorf("look for event %s: %w", id, err)
	}
	return &p, nil
}
