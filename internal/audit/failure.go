package audit

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Failure is one cause for which rows were rejected or failed.
type Failure struct {
	Outcome string  `json:"outcome"` // rejected or failed
	Status  *int    `json:"status"`  // of HTTP; nil when there was no answer
	Error   *string `json:"error"`   // with … for what differs from row to row: ids, times, users
	Rows    int     `json:"rows"`
	Example int     `json:"exampleRow"`
}

// maxFailures is how many causes are told apart: more than anybody reads.
const maxFailures = 20

// readFailures groups by the words of the error without the ids and times that Graph puts into them, otherwise ten
// thousand equal refusals would be ten thousand causes. A run that is held for its failures names them in the same way.
func readFailures(ctx context.Context, tx pgx.Tx, run int64) ([]Failure, error) {
	rows, err := tx.Query(ctx, `
		SELECT outcome, status, failure_cause(error) AS error, count(*) AS rows, min(row) AS example
		FROM audit_event
		WHERE run = $1 AND final AND outcome IN ('rejected', 'failed')
		GROUP BY outcome, status, failure_cause(error)
		ORDER BY count(*) DESC, min(row)
		LIMIT $2`, run, maxFailures)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Failure])
}
