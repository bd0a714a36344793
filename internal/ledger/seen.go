package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Seen is what the last read of a row's status showed. The zero Seen says that there was none.
type Seen struct {
	At     time.Time // on this machine's clock
	Status int       // of the answer: 404, there is no such status
	Body   []byte    // the status, as JSON
	Failed int       // reads since then that told nothing
}

// See fills in what was last seen of open rows.
func (l *Ledger) See(ctx context.Context, run int64, open []OpenRow) error {
	if len(open) == 0 {
		return nil
	}
	index := make(map[int32]*Seen, len(open))
	numbers := make([]int32, len(open))
	for i := range open {
		index[open[i].Row] = &open[i].Seen
		numbers[i] = open[i].Row
	}
	rows, err := l.pool.Query(ctx, `
		SELECT row, outcome = 'observed', coalesce(status, 0), response_body, clock_timestamp() - recorded_at
		FROM audit_event
		WHERE run = $1 AND row BETWEEN $2 AND $3 AND row = ANY ($4::integer[]) AND method = 'GET' AND outcome IN ('observed', 'transient', 'unknown')
		ORDER BY row, recorded_at`, run, open[0].Row, open[len(open)-1].Row, numbers)
	if err != nil {
		return fmt.Errorf("read what was seen: %w", err)
	}
	now := time.Now()
	var row int32
	var shown bool
	var status int
	var body []byte
	var age time.Duration
	_, err = pgx.ForEachRow(rows, []any{&row, &shown, &status, &body, &age}, func() error {
		if seen := index[row]; shown {
			*seen = Seen{At: now.Add(-age), Status: status, Body: body}
		} else {
			seen.Failed++
		}
		body = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was seen: %w", err)
	}
	return nil
}
