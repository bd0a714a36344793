package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/proof"
)

// Lease is how long a claim keeps others away from its row, on the database's clock. A request starts at most
// StartWithin after its claim and lasts at most 30 s, so a worker that is alive has recorded its answer by then.
const (
	Lease       = 90 * time.Second
	StartWithin = 10 * time.Second
)

// SliceRows is how many rows of a run one slice spans.
const SliceRows = proof.SliceRows

// Ledger reads what is to be done and writes what was done, in the name of one worker.
type Ledger struct {
	pool   *pgxpool.Pool
	worker string
}

// New returns a ledger over a pool of its own, because its statements need settings that others must not have. worker is the name that claims and events carry.
func New(pool *pgxpool.Pool, worker string) *Ledger { return &Ledger{pool: pool, worker: worker} }

// ErrNoRun says that there is no run of that number.
var ErrNoRun = errors.New("no such run")

// StateError says that a run is in no state for what was asked of it.
type StateError struct {
	Run    int64
	State  State
	Reason string // why it is held
	Asked  State
}

// Already reports whether the run is as it was asked to be, so that nothing was to be done.
func (e *StateError) Already() bool {
	return e.State == e.Asked || asked[e.State] == asked[e.Asked] && e.State != Held
}

func (e *StateError) Error() string {
	switch {
	case !e.Already():
		return fmt.Sprintf("run %d is %s and cannot be %s", e.Run, e.State, asked[e.Asked])
	case e.State == Held && e.Reason != "":
		return fmt.Sprintf("run %d is held already: %s", e.Run, e.Reason)
	}
	return fmt.Sprintf("run %d is %s already", e.Run, e.State)
}

// DuplicateError says that the same content has been imported for the tenant before.
type DuplicateError struct {
	Run       int64
	State     State
	CreatedAt time.Time
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("the same content was enqueued as run %d at %s (%s)", e.Run, e.CreatedAt.UTC().Format(time.RFC3339), e.State)
}

// Vacuum cleans in_flight up. Autovacuum is too slow for a small table whose every row is soon deleted.
func (l *Ledger) Vacuum(ctx context.Context) error {
	_, err := l.pool.Exec(ctx, `VACUUM in_flight`)
	return err
}
