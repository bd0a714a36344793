package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// Result is what became of one row, with the cells it came from. It is valid until the next one is taken.
type Result struct {
	Row      int
	Line     int64    // where the row begins in its source
	Cells    []string // in the order of the source's header
	Text     string   // the record as it stood, with its line end; "" when it is written in the style of its source
	Outcome  string   // that of the final event; open or cancelled when there is none
	Attempts int      // PATCH requests that may have reached the wire

	// Of the final event; nil or "" without one.
	Status    *int
	Error     string
	RequestID string
	Answer    []byte // the body
	SettledAt *time.Time

	// Before is the body in which Graph showed the status before the row's first request that may have changed it; nil when
	// nobody looked.
	Before []byte
}

// ResultFilter says which rows: all of a run, or those with one of the outcomes.
type ResultFilter struct {
	Run      int64
	Outcomes []string // as ParseResultOutcome returns them
}

// ResultOutcomes are what a row's outcome may be: those that settle it, and what else it is.
func ResultOutcomes() []string { return slices.Concat(settling, []string{"open", "cancelled"}) }

// ParseResultOutcome checks the name of a row's outcome. The error names the near miss, or all of them.
func ParseResultOutcome(s string) (string, error) {
	all := ResultOutcomes()
	if slices.Contains(all, s) {
		return s, nil
	}
	if near, ok := userstatus.Suggest(s, all); ok {
		return "", fmt.Errorf("%q is no outcome of a row: write %s", s, near)
	}
	return "", fmt.Errorf("%q is no outcome of a row: use some of %s", s, strings.Join(all, ", "))
}

// NoFileError says that a run's source is no file whose cells could be given back.
type NoFileError struct {
	Run  int64
	Kind string
}

func (e *NoFileError) Error() string {
	return fmt.Sprintf("run %d came from no file that could be given back (%s)", e.Run, e.Kind)
}

// PurgedError says that the rows and events of a run are gone.
type PurgedError struct {
	Run int64
	At  time.Time
}

func (e *PurgedError) Error() string {
	return fmt.Sprintf("the rows and events of run %d were purged at %s", e.Run, e.At.Format(time.RFC3339))
}

// Results hands to write the run, what it noted of its source, and its rows in their order, one in memory at a time; all of
// one snapshot. write takes all rows or returns an error. A connection is held until it returns. The error is ErrNoRun,
// *NoFileError, *PurgedError, or that of write.
func (a *Audit) Results(ctx context.Context, f ResultFilter, write func(Detail, iter.Seq2[*Result, error]) error) error {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, a.pool, snapshot, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patient); err != nil {
			return err
		}
		d, err := readDetail(ctx, tx, f.Run)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return noRun(f.Run)
		case err != nil:
			return fmt.Errorf("read run %d: %w", f.Run, err)
		}
		d.toUTC()
		if d.PurgedAt != nil {
			return &PurgedError{d.ID, d.PurgedAt.UTC()}
		}
		cells, err := newCells(&d)
		if err != nil {
			return err
		}
		return write(d, func(yield func(*Result, error) bool) {
			if err := streamResults(ctx, tx, &f, &d, cells, func(r *Result) bool { return yield(r, nil) }); err != nil {
				yield(nil, fmt.Errorf("read the rows of run %d: %w", f.Run, err))
			}
		})
	})
}

// patient lets whoever takes the rows take their time after the server has sent the last one: a person at a pager, a slow disk.
const patient = `SET LOCAL idle_in_transaction_session_timeout = 0`

// cells puts a row's cells back into their columns.
type cells struct {
	columns []int // by column: the index in wanted, or -1 for one of the others
	cells   []string
}

// wantedNames are the names of what status_update has a column for, in the order in which resultRow has them.
var wantedNames = append([]string{"deviceConfigurationId", "userStatusId", "certificateId"}, userstatus.AllProperties.Names()...)

func newCells(d *Detail) (*cells, error) {
	var note struct {
		Header, Columns []string
		OtherColumns    []int
	}
	if err := json.Unmarshal(d.Source, &note); err != nil || len(note.Header) == 0 || len(note.Columns) != len(note.Header) {
		return nil, &NoFileError{d.ID, d.Kind}
	}
	c := &cells{columns: make([]int, len(note.Header)), cells: make([]string, len(note.Header))}
	for i, name := range note.Columns {
		c.columns[i] = slices.Index(wantedNames, name)
		if other := slices.Contains(note.OtherColumns, i); other != (c.columns[i] < 0) {
			return nil, &NoFileError{d.ID, d.Kind}
		}
	}
	return c, nil
}

// fill returns the cells, and the record as it stood, if that was kept. Those of which a person's values were removed are empty.
func (c *cells) fill(wanted [8]*string, other []string, erased bool) ([]string, string, error) {
	for i, w := range c.columns {
		switch {
		case w < 0 && erased:
			c.cells[i] = ""
		case w < 0 && len(other) == 0:
			return nil, "", errors.New("a cell is missing")
		case w < 0:
			c.cells[i], other = other[0], other[1:]
		case wanted[w] == nil:
			c.cells[i] = ""
		default:
			c.cells[i] = *wanted[w]
		}
	}
	if len(other) > 0 {
		return c.cells, other[0], nil
	}
	return c.cells, "", nil
}
