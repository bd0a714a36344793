package audit

import (
	"context"

	"graphpatch/internal/proof"
)

// match holds the events of the slice against the entries that the chain has for them.
func (s *sliceVerifier) match(events []leafEvent, entries []entry) error {
	byLeaf := make(map[proof.Digest][]int, len(entries)) // indexes of entries that no event stands behind yet
	for i := range entries {
		byLeaf[entries[i].digest] = append(byLeaf[entries[i].digest], i)
	}
	behind := make([]bool, len(entries))
	var strange []leafEvent
	for _, e := range events {
		of := byLeaf[e.leaf]
		if len(of) == 0 || entries[of[0]].row != e.row {
			strange = append(strange, e)
			continue
		}
		behind[of[0]], byLeaf[e.leaf] = true, of[1:]
		if e.outcome == "erased" {
			s.vouched[e.row] = true
		}
	}
	lost := map[int32][]int32{} // by row: the commits whose events were not found
	for i := range entries {
		if !behind[i] {
			lost[entries[i].row] = append(lost[entries[i].row], entries[i].commit)
		}
	}
	for i := range strange {
		if err := s.reportStrange(&strange[i], lost); err != nil {
			return err
		}
	}
	for i := range entries {
		row := entries[i].row
		for _, commit := range lost[row] {
			if err := s.finding(missing, &row, &commit, "an event that the commit recorded"); err != nil {
				return err
			}
		}
		delete(lost, row)
	}
	return nil
}

// reportStrange reports an event that no commit recorded: when one of its row is lost, this is what became of it.
func (s *sliceVerifier) reportStrange(e *leafEvent, lost map[int32][]int32) error {
	commits := lost[e.row]
	if len(commits) == 0 {
		return s.finding(inserted, &e.row, nil, "%s, which no commit recorded", e)
	}
	lost[e.row] = commits[1:]
	return s.finding(altered, &e.row, &commits[0], "%s is not as it was recorded", e)
}

// verifyCounts holds the counts against the rows and events that were found. Late answers are counted apart from what they
// say, so of events that settle nothing only the sum can be held against them.
func (r *runVerifier) verifyCounts(context.Context) error {
	if r.rows != r.count["rows"] {
		if err := r.finding(miscounted, nil, nil, "the counts have %d rows, there are %d", r.count["rows"], r.rows); err != nil {
			return err
		}
	}
	settled := int64(0)
	for _, outcome := range settling {
		settled += r.final[outcome]
		if r.final[outcome] != r.count[outcome] {
			if err := r.finding(miscounted, nil, nil, "the counts have %d rows %s, there are %d final events", r.count[outcome], outcome, r.final[outcome]); err != nil {
				return err
			}
		}
	}
	if r.state == "finished" && settled < r.rows {
		if err := r.finding(miscounted, nil, nil, "the run is finished, and %d of its rows have no final event", r.rows-settled); err != nil {
			return err
		}
	}
	counts, found := r.count["late"], int64(0)
	for _, n := range r.other {
		found += n
	}
	for _, outcome := range passing {
		counts += r.count[outcome]
	}
	if counts != found {
		return r.finding(miscounted, nil, nil, "the counts have %d events that settle no row, there are %d", counts, found)
	}
	return nil
}

// verifyFlights finds rows that were put in flight and forgotten: whoever sent them is dead, and nobody looks.
func (r *runVerifier) verifyFlights(ctx context.Context) error {
	if r.filter.Lease == 0 {
		return nil
	}
	rows, err := r.tx.Query(ctx, `
		SELECT row, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM in_flight
		WHERE run = $1 AND since < clock_timestamp() - make_interval(secs => $2) ORDER BY row`, r.run, r.filter.Lease.Seconds())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int32
		var since string
		if err := rows.Scan(&row, &since); err != nil {
			return err
		}
		if err := r.finding(overdue, &row, nil, "in flight since %s, longer than a claim lasts: no worker looks after it", since); err != nil {
			return err
		}
	}
	return rows.Err()
}
