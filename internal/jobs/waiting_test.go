package jobs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/ledger"
)

// A row whose request could not leave in its slot is the next one; otherwise another row would be the canary.
func TestWaitingRowsKeepTheirTurn(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	var q waiting
	for i, due := range []time.Duration{0, 0, 0, 5 * time.Second, 0} {
		q.put(waitingRow{&ledger.OpenRow{Row: int32(i + 1)}, now.Add(due)})
	}
	order := func(taken []waitingRow) (rows []int32) {
		for _, row := range taken {
			rows = append(rows, row.Row)
		}
		return rows
	}
	now = now.Add(time.Second)
	taken := q.takeDue(now, 2)
	if diff := cmp.Diff(order(taken), []int32{1, 2}); diff != "" {
		t.Fatal(diff)
	}
	q.putBack([]*ledger.OpenRow{taken[0].OpenRow, taken[1].OpenRow}, now)
	if diff := cmp.Diff(order(q), []int32{1, 2, 3, 5, 4}); diff != "" {
		t.Errorf("after what was taken came back (-got +want):\n%s", diff)
	}
	if got := q.due(now); got != 4 {
		t.Errorf("%d rows are due, want 4", got)
	}
	last := q.takeDue(now.Add(time.Minute), 5)
	q.putBack([]*ledger.OpenRow{last[4].OpenRow}, now)
	if !q.next().Equal(now) {
		t.Errorf("alone, it is due at %s, want now", q.next())
	}
}
