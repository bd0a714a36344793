package audit

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Failure is one cause for which rows were rejected or failed.
type Failure struct {
	Outcome string  `json:"outcome"` // rejected or failed
	Status  *int    `json:"status"`  // of HTTP; nil when there was no answer
	Error   *string `json:"error"`   // with … for what differs from row to row: GUIDs, times
	Rows    int     `json:"rows"`
	Example int     `json:"exampleRow"`
}

// maxFailures is how many causes are told apart: more than anybody reads.
const maxFailures = 20

// readFailures groups by the words of the error without the ids and times that Graph puts into them, otherwise ten
// thousand equal refusals would be ten thousand causes.
func readFailures(ctx context.Context, tx pgx.Tx, run int64) ([]Failure, error) {
	rows, err := tx.Query(ctx, `
		SELECT outcome, status, cause AS error, count(*) AS rows, min(row) AS example
		FROM (
			SELECT outcome, status, row, regexp_replace(regexp_replace(error, $2, '…', 'gi'), $3, '…', 'g') AS cause
			FROM audit_event
			WHERE run = $1 AND final AND outcome IN ('rejected', 'failed')
		) f
		GROUP BY outcome, status, cause
		ORDER BY count(*) DESC, min(row)
		LIMIT $4`, run, guidPattern, timePattern, maxFailures)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[Failure])
}

// Patterns of Postgres. A status id is two GUIDs with an underscore between them, so neither may ask for a word boundary.
const (
	guidPattern = `[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}`
	timePattern = `\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`
)
