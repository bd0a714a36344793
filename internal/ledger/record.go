package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Event is what happened to one row that was in flight.
type Event struct {
	Run int64
	Row int32
	Key uuid.UUID // of the target
	ID  uuid.UUID // of the attempt: its client-request-id

	Outcome string // what the exchange meant
	Settles string // the outcome the row is settled with, if this settles it; "" if the row comes again

	SentAt          time.Time // zero: nothing was sent
	Elapsed         time.Duration
	Method          string
	URL             string
	RequestBody     []byte
	Status          int // 0: no answer
	ResponseHeaders []byte
	ResponseBody    []byte
	BodyCut         bool
	RequestID       string
	Error           string

	Spared bool // does not count against the attempts of its row

	// Reads are what was read to decide on this event: attempts of their own, recorded in the same commit.
	Reads []Event
}

// Recorded says what an Event has become.
type Recorded struct {
	Refused error // the database refuses it in any form; it stays in flight, and is named as unknown after the lease
	Settled bool  // the row has its final event now
	Late    bool  // the row had been taken over by somebody else; the answer is kept, but settles nothing
}

// Record writes events, takes their rows out of flight and bumps the counts, in one commit, and returns what became of
// each, in their order, and the runs whose state it changed. Fenced: an event settles its row only if its own entry
// was still in flight.
//
// A batch that the database refuses for its data is halved until the event at fault is found, which is then written
// with less and less of itself. Writing a batch again after the answer to its COMMIT was lost is harmless.
func (l *Ledger) Record(ctx context.Context, events []Event) (recorded []Recorded, changes []Change, err error) {
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		recorded, changes, err = l.record(ctx, tx, events)
		return err
	})
	switch {
	case err == nil:
		return recorded, changes, nil
	case !refusedForData(err):
		return nil, nil, fmt.Errorf("record %d events: %w", len(events), err)
	case len(events) > 1:
		half := len(events) / 2
		first, changesFirst, err := l.Record(ctx, events[:half])
		if err != nil {
			return nil, nil, err
		}
		second, changesSecond, err := l.Record(ctx, events[half:])
		return append(first, second...), append(changesFirst, changesSecond...), err
	}
	less, ok := events[0].reduced(err)
	if !ok {
		// Alone at fault, and nothing left to leave out: it must not keep the others from being recorded.
		return []Recorded{{Refused: err}}, nil, nil
	}
	return l.Record(ctx, []Event{less})
}

// reduced returns the event with less for the database to refuse: first without what came over the wire, then without
// settling its row. ok is false when there is nothing left to leave out.
func (e Event) reduced(refusal error) (less Event, ok bool) {
	switch {
	case e.URL != "" || e.RequestBody != nil:
		e.URL, e.RequestBody, e.ResponseHeaders, e.ResponseBody, e.RequestID, e.Reads = "", nil, nil, nil, "", nil
	case e.Settles != "":
		e.Settles = ""
	default:
		return e, false
	}
	e.Error = "the exchange could not be recorded whole: " + refusal.Error()
	return e, true
}

// refusedForData tells a fault of the values (SQLSTATE classes 22, 23 and 54, or a run whose counts are gone) from a
// fault of the database, which passes.
func refusedForData(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return errors.Is(err, pgx.ErrNoRows)
	}
	return strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "54")
}

// record is Record in the caller's transaction, which must not touch in_flight afterwards.
func (l *Ledger) record(ctx context.Context, tx pgx.Tx, events []Event) (recorded []Recorded, changes []Change, err error) {
	counts := map[int64]*tally{}
	fenced, err := l.insertFenced(ctx, tx, events, counts)
	if err != nil {
		return nil, nil, err
	}
	recorded = make([]Recorded, len(events))
	var late, reads []Event
	for i := range events {
		e := &events[i]
		reads = append(reads, e.Reads...)
		if !fenced[e.ID] {
			recorded[i].Late = true
			late = append(late, *e)
			continue
		}
		recorded[i].Settled = e.Settles != ""
		tallyOf(counts, e.Run).count(e)
	}
	insertedLate, err := l.insertBeside(ctx, tx, late, counts)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range insertedLate {
		tallyOf(counts, e.Run).countLate(e)
	}
	insertedReads, err := l.insertBeside(ctx, tx, reads, counts)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range insertedReads {
		tallyOf(counts, e.Run).count(e)
	}
	changes, err = l.bump(ctx, tx, counts)
	return recorded, changes, err
}

// insertFenced takes the events' rows out of flight and inserts the events of those that were there, final ones
// among them. It returns the ids of the attempts it found, and adds their leaves to counts.
func (l *Ledger) insertFenced(ctx context.Context, tx pgx.Tx, events []Event, counts map[int64]*tally) (map[uuid.UUID]bool, error) {
	rows, err := tx.Query(ctx, `
		WITH gone AS (
			DELETE FROM in_flight f USING `+eventsTable+`
			WHERE f.target = x.target AND f.client_request_id = x.client_request_id
			RETURNING x.*
		)
		INSERT INTO audit_event (`+eventColumns+`)
		SELECT run, row, settles IS NOT NULL, coalesce(settles, outcome), `+eventSelect+`
		FROM gone
		RETURNING `+publicEvent, append([]any{inBinary}, l.eventArgs(events)...)...)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]bool, len(events))
	return found, leavesOf(rows, events, counts, func(e *Event) { found[e.ID] = true })
}

// insertBeside inserts events that settle nothing, whatever is in flight: answers that came after their row had been
// taken over, and reads. It returns those that were not there before, and adds their leaves to counts.
func (l *Ledger) insertBeside(ctx context.Context, tx pgx.Tx, events []Event, counts map[int64]*tally) (inserted []*Event, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO audit_event (`+eventColumns+`)
		SELECT run, row, false, outcome, `+eventSelect+`
		FROM `+eventsTable+`
		WHERE NOT EXISTS (
			SELECT FROM audit_event e
			WHERE e.run = x.run AND e.row = x.row AND e.client_request_id = x.client_request_id
			  AND e.outcome IN (x.outcome, x.settles))
		RETURNING `+publicEvent, append([]any{inBinary}, l.eventArgs(events)...)...)
	if err != nil {
		return nil, err
	}
	return inserted, leavesOf(rows, events, counts, func(e *Event) { inserted = append(inserted, e) })
}
