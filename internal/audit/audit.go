package audit

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Audit reads. Its methods are safe for concurrent use.
type Audit struct {
	pool   *pgxpool.Pool
	bounds bounds
	slack  time.Duration
}

// New returns an Audit over a migrated database. The pool must not be the ledger's: its settings forbid the plans that
// a search through a whole history needs.
func New(pool *pgxpool.Pool) *Audit { return &Audit{pool, measuredBounds, slack} }

// ErrNoRun says that there is no run of that number.
var ErrNoRun = errors.New("no such run")

func noRun(run int64) error { return fmt.Errorf("run %d: %w", run, ErrNoRun) }

// ParseMonth reads a month as it stands in the numbers of runs: 202611. The error says so.
func ParseMonth(s string) (int, error) {
	const digits = 6
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || len(s) != digits || n%100 < 1 || n%100 > 12 {
		return 0, fmt.Errorf("%q is no month: write year and month, such as 202611", s)
	}
	return int(n), nil
}

// ParseRun reads the number of a run: year, month and six digits of a counter. The error says so.
func ParseRun(s string) (int64, error) {
	const digits = 12
	n, err := strconv.ParseUint(s, 10, 63)
	month := n / 1_000_000 % 100
	if err != nil || len(s) != digits || month < 1 || month > 12 || n%1_000_000 == 0 {
		return 0, fmt.Errorf("%q is no run number: those have twelve digits, the year, the month and a counter, such as 202611000042", s)
	}
	return int64(n), nil
}
