package budget

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says whose budget it is.
type Config struct {
	Tenant uuid.UUID
	App    string // the app's id in the tenant, at most 256 bytes
	// Writes and Reads are the limits of the app. The lowest of those that the processes were started with holds for all.
	Writes, Reads Limit
	// TenantWrites is the limit on the writes of all apps of the tenant together.
	TenantWrites Limit
	// Pool needs three connections at most. It stays the caller's to close, after the Budget.
	Pool *pgxpool.Pool
	// Now is the clock that the instants given to the Budget come from; nil is time.Now.
	Now func() time.Time
}

// Budget is the share that this process has in the budget of one app in one tenant, which lies in the database: slots for
// writes and reads, and the pauses that hold for both. It is safe for concurrent use.
type Budget struct {
	Writes, Reads *Lane

	tenant uuid.UUID
	app    string
	pool   *pgxpool.Pool
	now    func() time.Time
	clock  clock
	gate   notice

	closing context.Context
	close   context.CancelCauseFunc
	mu      sync.Mutex // guards that nothing starts once it closes
	work    sync.WaitGroup
}

// ErrClosed says that the Budget was closed.
var ErrClosed = errors.New("the budget is closed")

// Open takes part in the budget, and listens to what others tell of pauses until Close. Faults of the Config are reported
// together. The database must have the schema, and answer now; later it may go and come.
func Open(ctx context.Context, cfg Config) (*Budget, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	b := &Budget{tenant: cfg.Tenant, app: cfg.App, pool: cfg.Pool, now: cfg.Now, gate: newNotice()}
	if b.now == nil {
		b.now = time.Now
	}
	b.Writes = &Lane{b: b, class: "write", limit: cfg.Writes, aboveAll: cfg.TenantWrites, inForce: cfg.Writes, supply: supply{backstop: newBackstop(cfg.Writes)}}
	b.Reads = &Lane{b: b, class: "read", limit: cfg.Reads, inForce: cfg.Reads, supply: supply{backstop: newBackstop(cfg.Reads)}}
	if err := b.open(ctx); err != nil {
		return nil, fmt.Errorf("budget: %w", err)
	}
	if err := b.look(ctx); err != nil {
		return nil, fmt.Errorf("budget: %w", err)
	}
	b.closing, b.close = context.WithCancelCause(context.WithoutCancel(ctx))
	b.start(b.listen)
	b.start(b.keep)
	return b, nil
}

func (c Config) validate() error {
	var faults []error
	for _, limit := range []struct {
		name string
		Limit
	}{{"writes", c.Writes}, {"reads", c.Reads}, {"all the tenant's writes", c.TenantWrites}} {
		if _, err := ParseLimit(limit.String()); err != nil {
			faults = append(faults, fmt.Errorf("budget: %s: %w", limit.name, err))
		}
	}
	if c.App == "" || len(c.App) > 256 || strings.ContainsRune(c.App, 0) {
		faults = append(faults, fmt.Errorf("budget: %q is no app", c.App))
	}
	if c.Pool == nil {
		faults = append(faults, errors.New("budget: no pool"))
	}
	return errors.Join(faults...)
}

// Close ends the part in the budget. What waits in Take returns ErrClosed.
func (b *Budget) Close() {
	b.mu.Lock()
	b.close(ErrClosed)
	b.mu.Unlock()
	b.work.Wait()
}

// start lets something go on until Close, unless that has come.
func (b *Budget) start(work func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Err() != nil {
		return false
	}
	b.work.Go(func() { work(b.closing) })
	return true
}
