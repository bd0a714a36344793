package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5"
)

// score is what the counts of a run have come to after a bump, and the limits they are held against.
type score struct {
	rows, settled                                    int32
	applied, unchanged, superseded, rejected, failed int32
	moved, missing, planned                          int32 // planned: settled by then
	newSettled, newFailures                          int32 // since the last release
	limits                                           FailureLimit
	canaryRows, canarySettled                        int32
	link                                             Link
}

const scoreColumns = `rows, settled, applied, unchanged, superseded, rejected, failed,
	settled - waived_settled, rejected + failed - waived_failures,
	coalesce(max_failures, 0), coalesce(max_failures_percent, 0), max_failures_percent IS NOT NULL, coalesce(canary_rows, 0),
	coalesce(canary_settled, canary_rows, 0), moved, missing, coalesce(planned_settled, 0),
	commits, coalesce(encode(digest, 'hex'), '')`

// fields take scoreColumns.
func (s *score) fields() []any {
	return []any{
		&s.rows, &s.settled, &s.applied, &s.unchanged, &s.superseded, &s.rejected, &s.failed,
		&s.newSettled, &s.newFailures, &s.limits.Rows, &s.limits.Percent, &s.limits.Share, &s.canaryRows,
		&s.canarySettled, &s.moved, &s.missing, &s.planned,
		&s.link.Commit, &s.link.Digest,
	}
}

// brake holds a running run that has crossed a limit, and says why. Its change is nil when the run stands still already:
// what was in flight counts as well.
func (l *Ledger) brake(ctx context.Context, tx pgx.Tx, id int64, s score) (*Change, error) {
	run, err := lockRun(ctx, tx, id, "FOR UPDATE")
	if err != nil || run.State != Running {
		return nil, err
	}
	reason, failed := s.canary(), s.limits.exceeded(s.newSettled, s.newFailures)
	if failed {
		causes, err := frequentCauses(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		reason = s.failures() + describe(causes, int(s.newFailures))
	}
	if err := setState(ctx, tx, id, Held, l.worker, reason, Running); err != nil {
		return nil, err
	}
	return &Change{Run: id, State: Held, Reason: clean(reason), Asked: !failed}, nil
}

// canary says what became of the first rows.
func (s *score) canary() string {
	text := fmt.Sprintf("canary: %s sent", rowsText(s.settled-s.planned))
	for _, c := range []struct {
		n    int32
		name string
	}{{s.applied, "applied"}, {s.unchanged, "unchanged"}, {s.superseded, "superseded"}, {s.rejected, "rejected"}, {s.failed, "failed"}, {s.moved, "moved"}, {s.missing, "missing"}} {
		if c.n > 0 {
			text += fmt.Sprintf(", %s %s", humanize.Comma(int64(c.n)), c.name)
		}
	}
	return text + fmt.Sprintf("; a release sends the other %s", humanize.Comma(int64(s.rows-s.settled)))
}

// failures says which limit was crossed and by how much.
func (s *score) failures() string {
	since := ""
	switch s.settled - s.newSettled {
	case 0:
	case s.planned:
		since = " since the plan"
	default:
		since = " since the last release"
	}
	if !s.limits.Share {
		return fmt.Sprintf("%s rejected or failed%s (the limit is %s): ", rowsText(s.newFailures), since, humanize.Comma(int64(s.limits.Rows)))
	}
	share := 100 * float64(s.newFailures) / float64(s.newSettled)
	return fmt.Sprintf("%s of %s settled%s were rejected or failed (%.1f %%, more than %s %%): ",
		humanize.Comma(int64(s.newFailures)), rowsText(s.newSettled), since, share, strconv.FormatFloat(s.limits.Percent, 'f', -1, 64))
}

func rowsText(n int32) string {
	if n == 1 {
		return "1 row"
	}
	return humanize.Comma(int64(n)) + " rows"
}

// cause is what some of the failures of a run have in common.
type cause struct {
	Rows   int
	Status int16 // 0: no answer
	Text   string
}

const (
	// recentFailures are looked at for causes: the record of an answer must not wait for half a million.
	recentFailures = 1000
	mostCauses     = 3
	causeLength    = 160 // characters
)

// frequentCauses groups the failures since the last release, the most frequent first. Of many it takes those of the last
// rows.
func frequentCauses(ctx context.Context, tx pgx.Tx, run int64) ([]cause, error) {
	rows, err := tx.Query(ctx, `
		SELECT count(*) AS rows, status, failure_cause(error) AS text
		FROM (
			SELECT coalesce(status, 0) AS status, coalesce(error, '') AS error
			FROM audit_event
			WHERE run = $1 AND final AND outcome IN ('rejected', 'failed') AND recorded_at >= coalesce(
				(SELECT max(recorded_at) FILTER (WHERE outcome = 'released') FROM audit_event WHERE run = $1 AND row = 0), 'epoch')
			ORDER BY row DESC
			LIMIT $2
		) recent
		GROUP BY 2, 3
		ORDER BY 1 DESC, 2, 3`, run, recentFailures)
	if err != nil {
		return nil, fmt.Errorf("look for what the failures of run %d have in common: %w", run, err)
	}
	causes, err := pgx.CollectRows(rows, pgx.RowToStructByName[cause])
	if err != nil {
		return nil, fmt.Errorf("look for what the failures of run %d have in common: %w", run, err)
	}
	return causes, nil
}

// describe names the most frequent causes of that many failures.
func describe(causes []cause, failures int) string {
	var parts []string
	looked, named := 0, 0
	for i, c := range causes {
		looked += c.Rows
		if i < mostCauses {
			named += c.Rows
			parts = append(parts, c.String())
		}
	}
	if rest := looked - named; rest > 0 {
		parts = append(parts, humanize.Comma(int64(rest))+" for other causes")
	}
	of := ""
	if looked < failures {
		of = fmt.Sprintf("of the last %s: ", humanize.Comma(int64(looked)))
	}
	return of + strings.Join(parts, "; ")
}

func (c cause) String() string {
	what := "no answer"
	if c.Status != 0 {
		what = strconv.Itoa(int(c.Status))
	}
	if text := []rune(c.Text); len(text) > causeLength {
		c.Text = string(text[:causeLength]) + "…"
	}
	return strings.TrimSpace(fmt.Sprintf("%s × %s %s", humanize.Comma(int64(c.Rows)), what, c.Text))
}
