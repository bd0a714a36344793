package jobs

import (
	"slices"
	"sort"
	"time"

	"graphpatch/internal/ledger"
)

// waitingRow is an open row and when it may be sent.
type waitingRow struct {
	*ledger.OpenRow
	due time.Time
}

// waiting are the open rows that are not in flight, in the order of their times.
type waiting []waitingRow

func (q waiting) next() time.Time { return q[0].due }

// put keeps the order, and among rows of one time that in which they came.
func (q *waiting) put(row waitingRow) {
	at := sort.Search(len(*q), func(i int) bool { return (*q)[i].due.After(row.due) })
	*q = slices.Insert(*q, at, row)
}

// putBack puts rows before all others, because their turn had come.
func (q *waiting) putBack(rows []*ledger.OpenRow, now time.Time) {
	due := now
	if len(*q) > 0 && q.next().Before(due) {
		due = q.next()
	}
	back := make([]waitingRow, len(rows))
	for i, row := range rows {
		back[i] = waitingRow{row, due}
	}
	*q = slices.Insert(*q, 0, back...)
}

// due is how many rows' time has come.
func (q waiting) due(now time.Time) int {
	return sort.Search(len(q), func(i int) bool { return q[i].due.After(now) })
}

// takeDue takes up to most rows whose time has come.
func (q *waiting) takeDue(now time.Time, most int) []waitingRow {
	n := min(q.due(now), most)
	taken := (*q)[:n:n]
	*q = (*q)[n:]
	return taken
}
