package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/proof"
)

// verifySlices goes through the run slice by slice, so that no more of it is in memory: its rows, the events of those, and
// the entries that the chain has for them. The first slice has row 0 as well, the run itself.
func (r *runVerifier) verifySlices(ctx context.Context) error {
	if _, err := r.tx.Exec(ctx, fmt.Sprintf(`
		DECLARE entries NO SCROLL CURSOR FOR
		SELECT e.row, c.number, e.digest FROM audit_commit c, LATERAL unnest(c.rows, c.digests) AS e (row, digest)
		WHERE c.run = %d AND c.number > 0 ORDER BY e.row`, r.run)); err != nil {
		return err
	}
	entries := entryReader{tx: r.tx}
	for first := int32(1); ; {
		s := sliceVerifier{runVerifier: r, first: first, last: first + proof.SliceRows - 1, vouched: map[int32]bool{}}
		if err := s.verify(ctx, &entries); err != nil {
			return err
		}
		next, err := r.nextSlice(ctx, s.last, &entries)
		if err != nil || next == 0 {
			return err
		}
		first = next
	}
}

// nextSlice is the first row of the next slice that has a row, an event, an entry or a digest; 0 when there is none.
func (r *runVerifier) nextSlice(ctx context.Context, after int32, entries *entryReader) (int32, error) {
	var row *int32
	err := r.tx.QueryRow(ctx, `
		SELECT least((SELECT min(row) FROM status_update WHERE run = $1 AND row > $2), (SELECT min(row) FROM audit_event WHERE run = $1 AND row > $2))`,
		r.run, after).Scan(&row)
	if err != nil {
		return 0, err
	}
	next := int32(0)
	sooner := func(row int32) {
		if row > after && (next == 0 || row < next) {
			next = row
		}
	}
	if row != nil {
		sooner(*row)
	}
	if e, err := entries.peek(ctx); err != nil {
		return 0, err
	} else if e != nil {
		sooner(e.row)
	}
	for first := range r.slices { // those that are left had no row
		sooner(first)
	}
	if next == 0 {
		return 0, nil
	}
	return proof.FirstOfSlice(next), nil
}

// entry is what the chain has for one event.
type entry struct {
	row, commit int32
	digest      proof.Digest
}

// entryReader reads entries in the order of their rows.
type entryReader struct {
	tx   pgx.Tx
	held []entry
	over bool
}

// peek returns the next entry, or nil.
func (e *entryReader) peek(ctx context.Context) (*entry, error) {
	if len(e.held) == 0 && !e.over {
		rows, err := e.tx.Query(ctx, `FETCH 10000 FROM entries`)
		if err != nil {
			return nil, err
		}
		e.held, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n entry, err error) {
			var digest []byte
			err = row.Scan(&n.row, &n.commit, &digest)
			n.digest = asDigest(digest)
			return n, err
		})
		if err != nil {
			return nil, err
		}
		e.over = len(e.held) == 0
	}
	if e.over {
		return nil, nil
	}
	return &e.held[0], nil
}

// upTo takes the entries of rows up to last.
func (e *entryReader) upTo(ctx context.Context, last int32) (taken []entry, err error) {
	for {
		n, err := e.peek(ctx)
		if err != nil || n == nil || n.row > last {
			return taken, err
		}
		taken = append(taken, *n)
		e.held = e.held[1:]
	}
}

// sliceVerifier verifies one slice.
type sliceVerifier struct {
	*runVerifier
	first, last int32
	vouched     map[int32]bool // rows of which the chain says that a person's values were removed
	erased      []Finding      // of those of which values are gone, until it is known that the chain says so
}

func (s *sliceVerifier) verify(ctx context.Context, entries *entryReader) error {
	events, err := s.readEvents(ctx)
	if err != nil {
		return err
	}
	held, err := entries.upTo(ctx, s.last)
	if err != nil {
		return err
	}
	if s.digest != nil {
		if err := s.match(events, held); err != nil {
			return err
		}
	}
	if err := s.verifyRows(ctx); err != nil {
		return err
	}
	for _, f := range s.erased {
		if s.digest != nil && !s.vouched[*f.Row] {
			if err := s.report(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// leafEvent is what is needed of an event to tell which it is.
type leafEvent struct {
	row     int32
	leaf    proof.Digest
	outcome string
	id      string // of the attempt
}

func (l *leafEvent) String() string {
	if l.id == "" {
		return "the event " + l.outcome
	}
	return fmt.Sprintf("the event %s of the attempt %s", l.outcome, l.id)
}

var (
	eventQuery  = `SELECT ` + strings.Join(append(append([]string{}, proof.EventColumns...), proof.PersonalEventColumns...), ", ") + `, erased FROM audit_event`
	updateQuery = `SELECT ` + strings.Join(append(append([]string{}, proof.UpdateColumns...), proof.PersonalUpdateColumns...), ", ") + `, erased FROM status_update`
)

// readEvents works out the leaves of the slice's events, those of row 0 with those of the first.
func (s *sliceVerifier) readEvents(ctx context.Context) (events []leafEvent, err error) {
	from := s.first
	if from == 1 {
		from = 0
	}
	const final, id, outcome = 2, 9, 10 // in proof.EventColumns
	rows, err := s.tx.Query(ctx, eventQuery+` WHERE run = $1 AND row BETWEEN $2 AND $3 ORDER BY row, recorded_at`,
		pgx.QueryResultFormats{pgx.BinaryFormatCode}, s.run, from, s.last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	settled := int32(0)
	for rows.Next() {
		values := rows.RawValues()
		e := leafEvent{row: rowOf(values), outcome: string(values[outcome])}
		if attempt, err := uuid.FromBytes(values[id]); err == nil {
			e.id = attempt.String()
		}
		e.leaf = s.leaf(values, len(proof.EventColumns), e.row, e.String())
		s.seen.Events++
		events = append(events, e)
		switch isFinal := values[final][0] != 0; {
		case isFinal && settled == e.row:
			if err := s.finding(inserted, &e.row, nil, "%s is a second final one", &e); err != nil {
				return nil, err
			}
			s.final[e.outcome]++
		case isFinal:
			settled = e.row
			s.final[e.outcome]++
		case e.row > 0 && e.outcome != "erased":
			s.other[e.outcome]++
		}
	}
	return events, rows.Err()
}

// rowOf is the second column of both tables.
func rowOf(values [][]byte) int32 { return int32(binary.BigEndian.Uint32(values[1])) }

// leaf is that of a row or event, whose last value is the hash of what was removed from it.
func (s *sliceVerifier) leaf(values [][]byte, public int, row int32, what string) proof.Digest {
	last := len(values) - 1
	personal := proof.Personal(proof.AppendValues(nil, values[public:last]))
	if values[last] != nil {
		personal = asDigest(values[last])
		s.seen.Erased++
		s.erased = append(s.erased, Finding{Run: s.run, Row: &row, What: altered, Detail: "a person's values were removed from " + what + ", and no event says so"})
	}
	return proof.Leaf(proof.AppendValues(nil, values[:public]), personal)
}

// verifyRows holds the rows of the slice against the digest that the import recorded of them.
func (s *sliceVerifier) verifyRows(ctx context.Context) error {
	rows, err := s.tx.Query(ctx, updateQuery+` WHERE run = $1 AND row BETWEEN $2 AND $3 ORDER BY row`,
		pgx.QueryResultFormats{pgx.BinaryFormatCode}, s.run, s.first, s.last)
	if err != nil {
		return err
	}
	defer rows.Close()
	var sum proof.Slices
	n := 0
	for rows.Next() {
		values := rows.RawValues()
		row := rowOf(values)
		sum.Add(row, s.leaf(values, len(proof.UpdateColumns), row, "the row"))
		n++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	s.runVerifier.rows += int64(n)
	s.seen.Rows += n
	recorded, ok := s.slices[s.first]
	delete(s.slices, s.first)
	now := sum.Done()
	switch {
	case s.digest == nil, !ok && n == 0:
		return nil
	case !ok:
		return s.finding(inserted, &s.first, nil, "%d of the rows %d to %d, which were not imported", n, s.first, s.last)
	case n == 0:
		return s.finding(missing, &s.first, nil, "the rows %d to %d", s.first, s.last)
	case now[0].Digest != recorded:
		return s.finding(altered, &s.first, nil, "what one of the rows %d to %d asks for is not what was imported, or one is missing or too many", s.first, s.last)
	}
	return nil
}
