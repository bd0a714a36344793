package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// Connections is how many requests a worker may have under way at once for a tenant of which it works so many slices at a
// time, for the client's idle connections.
func Connections(atOnce int) int { return atOnce * maxFlying }

// AtOnce is how many slices of a tenant one process works at a time, when nothing else is said. The concurrency is inside
// the slice; more than one only bridges the moments in which a slice is opened.
const AtOnce = 3

// Tenant is one tenant that a process works for, and the app by which it does. Each tenant has a queue of its own, so that
// one which is throttled, has no token or is slow only fills its own places. A tenant with several apps is there as often;
// they work the one queue together.
type Tenant struct {
	Name   string // in logs; empty where there is only one
	ID     uuid.UUID
	Budget *budget.Budget
	Client *graph.Client
	AtOnce int // slices
	Bodies Bodies
}

// WorkerConfig is what a Worker works with.
type WorkerConfig struct {
	Name    string // of this process, in claims and events
	Tenants []Tenant
	// Attempts is how many transient or unknown answers a row may get before it is given up; 0 is DefaultAttempts.
	Attempts int
	// OwnsTables says that the pool's user is the tables' owner, so that River may rebuild its indexes.
	OwnsTables bool
	// KeepMonths is how many whole months before this one are kept; older ones are purged, which takes the tables' owner. 0: all.
	KeepMonths int
	Pool       *pgxpool.Pool  // River's
	Ledger     *ledger.Ledger // over a pool of its own
	Log        *slog.Logger

	// Reconciliations are those whose schedules this process watches.
	Reconciliations []Reconciliation
}

func (c WorkerConfig) validate() error {
	var faults []error
	if len(c.Tenants) == 0 {
		faults = append(faults, errors.New("no tenant to work for"))
	}
	if c.KeepMonths > 0 && !c.OwnsTables {
		faults = append(faults, errors.New(`keep-months takes the user who owns the tables: leave it out, and have that user run "audit purge"`))
	}
	for _, t := range c.Tenants {
		if t.AtOnce < 1 {
			faults = append(faults, fmt.Errorf("the tenant %s: %d slices at once: at least one is needed", t.ID, t.AtOnce))
		}
	}
	return errors.Join(faults...)
}

func (c WorkerConfig) queues() map[string]river.QueueConfig {
	queues := map[string]river.QueueConfig{controlQueue: {MaxWorkers: 1}}
	for _, t := range c.Tenants {
		places := queues[Queue(t.ID)].MaxWorkers + t.AtOnce
		queues[Queue(t.ID)] = river.QueueConfig{MaxWorkers: places}
	}
	if len(c.Reconciliations) > 0 {
		queues[reconcileQueue] = river.QueueConfig{MaxWorkers: 2}
	}
	return queues
}

// Worker works the slices of its tenants. Start it, then Stop it.
type Worker struct {
	config   WorkerConfig
	river    *river.Client[pgx.Tx]
	slices   *sliceWorkers
	stopping chan struct{}
	vanish   func() // ends what goes on beside River
}

// NewWorker sets a worker up; nothing is worked before Start.
func NewWorker(config WorkerConfig) (*Worker, error) {
	w := &Worker{config: config, stopping: make(chan struct{}), vanish: func() {}}
	slices, err := newSliceWorkers(config, w.stopping)
	if err != nil {
		return nil, err
	}
	w.slices = slices
	workers := river.NewWorkers()
	river.AddWorker(workers, slices)
	river.AddWorker(workers, &planWorkers{slices: slices})
	river.AddWorker(workers, &maintenance{enqueuer: slices.enqueuer, ledger: config.Ledger, tenants: config.Tenants, log: config.Log, keepMonths: config.KeepMonths})
	river.AddWorker(workers, &firings{enqueuer: slices.enqueuer, known: config.Reconciliations, log: config.Log, stopping: w.stopping})
	var reindex river.PeriodicSchedule // River's own: at midnight
	if !config.OwnsTables {
		reindex = river.NeverSchedule()
	}
	client, err := river.NewClient(riverpgxv5.New(config.Pool), &river.Config{
		ReindexerSchedule: reindex,
		ID:                config.Name,
		Workers:           workers,
		Queues:            config.queues(),
		// With the default of 100 ms short slices would wait for the fetch most of the time.
		FetchCooldown:        15 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		SoftStopTimeout:      softStopTimeout,
		MaxAttempts:          math.MaxInt16,
		RetryPolicy:          atOnce{},
		PeriodicJobs:         []*river.PeriodicJob{periodicMaintenance()},
		Logger:               slog.New(newQuiet(config.Log.Handler(), slices.db)),
	})
	if err != nil {
		w.slices.close(context.Background())
		return nil, fmt.Errorf("set up River: %w", err)
	}
	w.river = client
	return w, nil
}

// Start begins to work. It returns at once; ctx must outlive the worker, and only Stop ends it.
func (w *Worker) Start(ctx context.Context) error {
	if err := w.config.Ledger.MakeMonths(ctx); err != nil {
		return err
	}
	if err := w.river.Start(ctx); err != nil {
		return fmt.Errorf("start River: %w", err)
	}
	appearing, end := context.WithCancel(ctx)
	var appears sync.WaitGroup
	appears.Go(func() { w.appear(appearing) })
	appears.Go(func() { w.slices.db.run(appearing) })
	if known := w.config.Reconciliations; len(known) > 0 {
		watch := &scheduler{enqueuer: w.slices.enqueuer, river: w.river, known: known, log: w.config.Log, waiting: map[string]int64{}}
		appears.Go(func() { watch.run(appearing) })
	}
	w.vanish = func() {
		end()
		appears.Wait()
	}
	return nil
}

// Stop sends nothing more, waits for the answers to what is in flight, and has them recorded. It takes at most the 45 s
// of a soft stop and some seconds for the database.
func (w *Worker) Stop(ctx context.Context) error {
	close(w.stopping)
	w.vanish()
	err := w.river.Stop(ctx)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	w.slices.close(ctx)
	if err != nil {
		return fmt.Errorf("stop River: %w", err)
	}
	return nil
}

// Idle reports whether nothing of any tenant is being imported or is still to be done without a person: held runs do not
// count.
func (w *Worker) Idle(ctx context.Context) (bool, error) {
	for _, t := range w.config.Tenants {
		if idle, err := w.idle(ctx, t.ID); err != nil || !idle {
			return false, err
		}
	}
	return true, nil
}

func (w *Worker) idle(ctx context.Context, tenant uuid.UUID) (bool, error) {
	// First the imports, then the runs: one that commits in between is seen as a run.
	importing, err := w.config.Ledger.Importing(ctx, tenant)
	if err != nil || importing {
		return false, err
	}
	running, err := w.config.Ledger.HasRunning(ctx, tenant)
	return !running, err
}
