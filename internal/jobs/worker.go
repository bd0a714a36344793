package jobs

import (
	"context"
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

// Connections is how many requests a worker may have under way at once, for the client's idle connections.
const Connections = slicesAtOnce * maxFlying

// slicesAtOnce is how many slices of a tenant one process works at a time. The concurrency is inside the slice; more
// than one only bridges the moments in which a slice is opened.
const slicesAtOnce = 3

// WorkerConfig is what a Worker works with.
type WorkerConfig struct {
	Name   string // of this process, in claims and events
	Tenant uuid.UUID
	Budget *budget.Budget
	// Attempts is how many transient or unknown answers a row may get before it is given up; 0 is DefaultAttempts.
	Attempts int
	Client   *graph.Client
	Pool     *pgxpool.Pool  // River's
	Ledger   *ledger.Ledger // over a pool of its own
	Log      *slog.Logger
}

// Worker works the slices of one tenant. Start it, then Stop it.
type Worker struct {
	config   WorkerConfig
	river    *river.Client[pgx.Tx]
	recorder *Recorder
	stopping chan struct{}
	vanish   func() // ends appear
}

// NewWorker sets a worker up; nothing is worked before Start.
func NewWorker(config WorkerConfig) (*Worker, error) {
	w := &Worker{config: config, stopping: make(chan struct{}), vanish: func() {}}
	slices, err := newSliceWorker(config, w.stopping)
	if err != nil {
		return nil, err
	}
	w.recorder = slices.recorder
	workers := river.NewWorkers()
	river.AddWorker(workers, slices)
	river.AddWorker(workers, &maintenance{enqueuer: slices.enqueuer, ledger: config.Ledger, tenant: config.Tenant, log: config.Log})
	client, err := river.NewClient(riverpgxv5.New(config.Pool), &river.Config{
		ID:      config.Name,
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			Queue(config.Tenant): {MaxWorkers: slicesAtOnce},
			controlQueue:         {MaxWorkers: 1},
		},
		// With the default of 100 ms short slices would wait for the fetch most of the time.
		FetchCooldown:        15 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		SoftStopTimeout:      softStopTimeout,
		MaxAttempts:          math.MaxInt16,
		RetryPolicy:          atOnce{},
		PeriodicJobs:         []*river.PeriodicJob{periodicMaintenance()},
		Logger:               slog.New(quiet{config.Log.Handler()}),
	})
	if err != nil {
		w.recorder.Close(context.Background())
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
	w.recorder.Close(ctx)
	if err != nil {
		return fmt.Errorf("stop River: %w", err)
	}
	return nil
}

// Idle reports whether nothing of the tenant is being imported or is still to be done without a person: held runs do not
// count.
func (w *Worker) Idle(ctx context.Context) (bool, error) {
	// First the imports, then the runs: one that commits in between is seen as a run.
	importing, err := w.config.Ledger.Importing(ctx, w.config.Tenant)
	if err != nil || importing {
		return false, err
	}
	running, err := w.config.Ledger.HasRunning(ctx, w.config.Tenant)
	return !running, err
}
