package ledger

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// The pieces of SQL that events are inserted with: their table out of the arguments of eventArgs, the columns they go
// to after final and outcome, and the values for those.
const (
	eventsTable = `unnest($1::uuid[], $2::bigint[], $3::integer[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::integer[],
		$9::text[], $10::text[], $11::bytea[], $12::smallint[], $13::bytea[], $14::bytea[], $15::boolean[], $16::text[], $17::text[])
		AS x (target, run, row, client_request_id, outcome, settles, sent_at, elapsed_us,
		method, url, request_body, status, response_headers, response_body, body_cut, request_id, error)`
	eventColumns = `run, row, final, outcome, client_request_id, sent_at, elapsed_us,
		method, url, request_body, status, response_headers, response_body, body_cut, request_id, error, worker`
	eventSelect = `client_request_id, sent_at, elapsed_us,
		method, url, request_body, status, response_headers, response_body, body_cut, request_id, error, $18`
)

// eventArgs turns events into the columns of eventsTable.
func (l *Ledger) eventArgs(events []Event) []any {
	n := len(events)
	var (
		keys, ids           = make([]uuid.UUID, n), make([]uuid.UUID, n)
		runs                = make([]int64, n)
		rows                = make([]int32, n)
		outcomes            = make([]string, n)
		settles             = make([]*string, n)
		sent                = make([]*time.Time, n)
		elapsed             = make([]*int32, n)
		methods, urls       = make([]*string, n), make([]*string, n)
		requests            = make([][]byte, n)
		statuses            = make([]*int16, n)
		headers, bodies     = make([][]byte, n), make([][]byte, n)
		cuts                = make([]bool, n)
		requestIDs, errorsS = make([]*string, n), make([]*string, n)
	)
	for i := range events {
		e := &events[i]
		keys[i], runs[i], rows[i], ids[i], outcomes[i] = e.Key, e.Run, e.Row, e.ID, e.Outcome
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
		requestIDs[i], errorsS[i] = text(e.RequestID), text(e.Error)
	}
	return []any{
		keys, runs, rows, ids, outcomes, settles, sent, elapsed,
		methods, urls, requests, statuses, headers, bodies, cuts, requestIDs, errorsS, l.worker,
	}
}

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
