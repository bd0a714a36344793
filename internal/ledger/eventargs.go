package ledger

import (
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// The pieces of SQL that events are inserted with: their table out of the arguments of eventArgs, the columns they go
// to after final and outcome, and the values for those.
const (
	eventsTable = `unnest($1::uuid[], $2::bigint[], $3::integer[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::integer[],
		$9::text[], $10::text[], $11::bytea[], $12::smallint[], $13::bytea[], $14::bytea[], $15::boolean[], $16::text[], $17::text[], $18::boolean[])
		AS x (target, run, row, client_request_id, outcome, settles, sent_at, elapsed_us,
		method, url, request_body, status, response_headers, response_body, body_cut, request_id, error, spared)`
	eventColumns = `run, row, final, outcome, client_request_id, sent_at, elapsed_us,
		method, url, request_body, status, response_headers, response_body, body_cut, request_id, error, spared, worker`
	eventSelect = `client_request_id, sent_at, elapsed_us,
		method, url, request_body, status, response_headers, response_body, body_cut, request_id, error, spared, $19`
)

// eventArgs turns events into the columns of eventsTable.
func (l *Ledger) eventArgs(events []Event) []any {
	n := len(events)
	var (
		keys, ids           = newUUIDs(n), newUUIDs(n)
		runs                = make(pgtype.FlatArray[int64], n)
		rows                = make(pgtype.FlatArray[int32], n)
		outcomes            = make(pgtype.FlatArray[string], n)
		settles             = make(pgtype.FlatArray[*string], n)
		sent                = make(pgtype.FlatArray[*time.Time], n)
		elapsed             = make(pgtype.FlatArray[*int32], n)
		methods, urls       = make(pgtype.FlatArray[*string], n), make(pgtype.FlatArray[*string], n)
		requests            = make(pgtype.FlatArray[[]byte], n)
		statuses            = make(pgtype.FlatArray[*int16], n)
		headers, bodies     = make(pgtype.FlatArray[[]byte], n), make(pgtype.FlatArray[[]byte], n)
		cuts, spared        = make(pgtype.FlatArray[bool], n), make(pgtype.FlatArray[bool], n)
		requestIDs, errorsS = make(pgtype.FlatArray[*string], n), make(pgtype.FlatArray[*string], n)
	)
	for i := range events {
		e := &events[i]
		keys[i], runs[i], rows[i], ids[i], outcomes[i] = asUUID(e.Key), e.Run, e.Row, asUUID(e.ID), e.Outcome
		settles[i] = text(e.Settles)
		if !e.SentAt.IsZero() {
			micros := int32(min(e.Elapsed.Microseconds(), 1<<31-1))
			sent[i], elapsed[i] = &e.SentAt, &micros
		}
		if e.Status != 0 {
			status := int16(e.Status)
			statuses[i] = &status
		}
		methods[i], urls[i], requests[i] = text(e.Method), text(e.URL), e.RequestBody
		headers[i], bodies[i], cuts[i] = e.ResponseHeaders, e.ResponseBody, e.BodyCut
		requestIDs[i], errorsS[i], spared[i] = text(e.RequestID), text(e.Error), e.Spared
	}
	return []any{
		keys, runs, rows, ids, outcomes, settles, sent, elapsed,
		methods, urls, requests, statuses, headers, bodies, cuts, requestIDs, errorsS, spared, l.worker,
	}
}

// uuids is a parameter of type uuid[]. pgx takes uuid.UUID, too, but by way of its text: at the rate of the ledger that is
// a tenth of the CPU.
type uuids = pgtype.FlatArray[pgtype.UUID]

func newUUIDs(n int) uuids { return make(uuids, n) }

func asUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// text is s as a column's value: NULL when empty, and clean.
func text(s string) *string {
	if s == "" {
		return nil
	}
	s = clean(s)
	return &s
}

// clean takes out what a text column cannot hold: NUL and invalid UTF-8, which hostile answers may contain.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
