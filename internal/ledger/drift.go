package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// DriftLimit is how many rows of a run may have drifted before a person looks. The zero DriftLimit is any number.
type DriftLimit struct {
	Rows    int     // more than so many are too many; 0: not by number
	Percent float64 // more than this share of the rows is too much; in (0, 100)
}

// ParseDriftLimit reads a number of rows such as 500, or a share such as 10%. 100% and "" are no limit.
func ParseDriftLimit(s string) (DriftLimit, error) {
	wrong := fmt.Errorf("%q is no limit of drift: write a number of rows such as 500, or a share of the rows such as 10%%; 100%% is no limit", s)
	text, share := strings.CutSuffix(s, "%")
	switch {
	case s == "":
		return DriftLimit{}, nil
	case !share:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 {
			return DriftLimit{}, wrong
		}
		return DriftLimit{Rows: int(n)}, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || !(percent > 0 && percent <= 100): // NaN is neither
		return DriftLimit{}, wrong
	case percent == 100:
		return DriftLimit{}, nil
	}
	return DriftLimit{Percent: percent}, nil
}

// String writes the limit as ParseDriftLimit reads it.
func (d DriftLimit) String() string {
	switch {
	case d.Percent > 0:
		return strconv.FormatFloat(d.Percent, 'f', -1, 64) + "%"
	case d.Rows > 0:
		return strconv.Itoa(d.Rows)
	}
	return "100%"
}

// exceeded reports whether so many drifted rows of so many are too many.
func (d DriftLimit) exceeded(rows, drift int) bool {
	switch {
	case d.Percent > 0:
		return 100*float64(drift) > d.Percent*float64(rows)
	case d.Rows > 0:
		return drift > d.Rows
	}
	return false
}

// Corrected returns which of the rows were corrected at least so often to the very values that they want, by earlier runs of the
// same reconciliation.
func (l *Ledger) Corrected(ctx context.Context, run int64, rows []PlannedRow, times int) (map[int32]bool, error) {
	numbers := make([]int32, len(rows))
	for i := range rows {
		numbers[i] = rows[i].Row
	}
	found, err := l.pool.Query(ctx, `
		SELECT u.row FROM status_update u, run this
		WHERE u.run = $1 AND u.row = ANY ($2) AND this.id = $1 AND (
			SELECT count(*) FROM (
				SELECT FROM status_update p
				JOIN run r ON r.id = p.run
				JOIN audit_event e ON e.run = p.run AND e.row = p.row AND e.final AND e.outcome = 'applied'
				WHERE p.target = u.target AND p.run < u.run AND r.kind = 'reconcile' AND r.name = this.name
				  AND (p.asks, p.user_display_name, p.devices_count, p.status, p.last_reported_date_time, p.user_principal_name)
				      IS NOT DISTINCT FROM (u.asks, u.user_display_name, u.devices_count, u.status, u.last_reported_date_time, u.user_principal_name)
				LIMIT $3) corrected) >= $3`, run, numbers, times)
	if err != nil {
		return nil, fmt.Errorf("look how often rows were corrected: %w", err)
	}
	corrected := map[int32]bool{}
	var row int32
	if _, err := pgx.ForEachRow(found, []any{&row}, func() error { corrected[row] = true; return nil }); err != nil {
		return nil, fmt.Errorf("look how often rows were corrected: %w", err)
	}
	return corrected, nil
}
