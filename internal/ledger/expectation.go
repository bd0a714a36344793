package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Expectation is what a status must show before its row may be sent. The zero Expectation is none.
type Expectation struct {
	Expects string    // values as JSON, as Graph shows them; "": whatever it shows
	SeenAt  time.Time // when the status was last seen to show them; zero: not since the row was opened
	Unread  int       // reads that told nothing, so far
	// UnreadAge is how long ago the last of those was recorded, when the row was opened.
	UnreadAge time.Duration
}

// addUnread fills in how often rows that expect something could not be read.
func (l *Ledger) addUnread(ctx context.Context, run int64, open []OpenRow) error {
	index := map[int32]*Expectation{}
	var numbers []int32
	for i := range open {
		if open[i].Expects != "" {
			index[open[i].Row] = &open[i].Expectation
			numbers = append(numbers, open[i].Row)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	rows, err := l.pool.Query(ctx, `
		SELECT row, count(*), clock_timestamp() - max(recorded_at)
		FROM audit_event
		WHERE run = $1 AND row BETWEEN $2 AND $3 AND row = ANY ($4::integer[]) AND method = 'GET' AND outcome IN ('transient', 'unknown')
		GROUP BY row`, run, numbers[0], numbers[len(numbers)-1], numbers)
	if err != nil {
		return fmt.Errorf("read what could not be read: %w", err)
	}
	var row int32
	var unread int
	var age time.Duration
	_, err = pgx.ForEachRow(rows, []any{&row, &unread, &age}, func() error {
		index[row].Unread, index[row].UnreadAge = unread, age
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what could not be read: %w", err)
	}
	return nil
}
