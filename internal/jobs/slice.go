package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// sliceWorkers hand each slice to the apps of its tenant. They share one recorder: commits are cheapest together.
type sliceWorkers struct {
	river.WorkerDefaults[SliceArgs]

	byQueue  map[string]*crew
	enqueuer *Enqueuer
	recorder *Recorder
	db       *dbWatch
	runs     *runWatch
}

// newSliceWorkers sets them up; the caller closes them.
func newSliceWorkers(config WorkerConfig, stopping <-chan struct{}) (*sliceWorkers, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	enqueuer, err := NewEnqueuer(config.Pool, config.Ledger)
	if err != nil {
		return nil, err
	}
	db := newDBWatch(config.Pool, config.Log)
	all := &sliceWorkers{
		byQueue: map[string]*crew{}, enqueuer: enqueuer,
		recorder: newRecorder(config.Ledger, config.Log, db), db: db, runs: newRunWatch(config.Ledger),
	}
	for _, t := range config.Tenants {
		log := config.Log
		if t.Name != "" {
			log = log.With("tenant_name", t.Name)
		}
		queue := Queue(t.ID)
		if all.byQueue[queue] == nil {
			all.byQueue[queue] = &crew{busy: map[*sliceWorker]int{}}
		}
		apps := &all.byQueue[queue].apps
		*apps = append(*apps, &sliceWorker{
			pool: config.Pool, ledger: config.Ledger, enqueuer: enqueuer, recorder: all.recorder, db: db, runs: all.runs,
			client: t.Client, budget: t.Budget, bodies: t.Bodies, atOnce: t.AtOnce, log: log, worker: config.Name, attempts: cmp.Or(config.Attempts, DefaultAttempts), stopping: stopping,
		})
	}
	return all, nil
}

// close has everything recorded that was handed over, or gives up when ctx ends.
func (w *sliceWorkers) close(ctx context.Context) {
	w.runs.close()
	w.recorder.Close(ctx)
}

// Work goes by the queue that the slice came from: River only fetches from those that have a worker here.
func (w *sliceWorkers) Work(ctx context.Context, job *river.Job[SliceArgs]) error {
	apps := w.byQueue[job.Queue]
	if apps == nil {
		return fmt.Errorf("slice %d of run %d: the queue %s is not worked here", job.Args.Slice, job.Args.Run, job.Queue)
	}
	return apps.Work(ctx, job)
}

// sliceWorker is one app of a tenant. It works a slice for the length of a box, then makes room for others.
type sliceWorker struct {
	pool     *pgxpool.Pool
	ledger   *ledger.Ledger
	enqueuer *Enqueuer
	recorder *Recorder
	db       *dbWatch
	runs     *runWatch
	client   *graph.Client
	budget   *budget.Budget
	bodies   Bodies
	atOnce   int // slices
	log      *slog.Logger
	pauses   pauseLog
	tokens   troubleLog
	troubles troubleLog
	limits   troubleLog
	worker   string
	attempts int             // that a row has
	stopping <-chan struct{} // closed: send nothing more, finish what is in flight
}

// Work returns River's verdict: nil completes the job, a snooze brings the slice back.
func (w *sliceWorker) Work(ctx context.Context, job *river.Job[SliceArgs]) error {
	run, err := w.ledger.Run(ctx, job.Args.Run)
	if err != nil {
		return err
	}
	if run.State != ledger.Running {
		return w.leave(ctx, job, false)
	}
	b, err := w.work(ctx, run, job.Args.Slice)
	switch {
	case err != nil:
		return errors.Join(err, w.recover(ctx, b))
	case b.stands():
		return w.leave(ctx, job, false)
	case b.lost:
		return river.JobSnooze(0)
	case len(b.rows) == 0 && b.cut:
		return w.leave(ctx, job, true)
	case len(b.rows) == 0 && b.canary.pending:
		// Nothing of this slice could be the canary: the next slice is to bring it.
		return w.enqueuer.reslice(ctx, run.ID)
	case len(b.rows) == 0:
		return nil
	}
	return river.JobSnooze(max(0, time.Until(b.rows.next())))
}

// recover makes good what a box left that ended with an error; b may be nil. It waits for a database that is gone: River
// tries for a few seconds to write a verdict down, and without one the slice would lie for a minute and a half. So would
// rows that are in flight and were never sent, and they would be named as unknown.
func (w *sliceWorker) recover(ctx context.Context, b *box) error {
	if w.db.gone(ctx) {
		w.db.await(w.stopping)
	}
	if b == nil {
		return nil
	}
	return b.settleReports(ctx)
}

// trouble says what does not work with the database, unless that is because it is gone.
func (w *sliceWorker) trouble(ctx context.Context, what string, err error) {
	if !w.db.gone(ctx) {
		w.troubles.log(w.log, what, err)
	}
}

// work opens a slice of a running run and works it for the length of a box.
func (w *sliceWorker) work(ctx context.Context, run ledger.Run, slice int32) (*box, error) {
	if limit, own := w.budget.Writes.InForce(); !own {
		w.limits.log(w.log, "another process was started with a lower write limit, which holds for all", errors.New(limit.String()))
	}
	first, last := slice*ledger.SliceRows+1, (slice+1)*ledger.SliceRows
	cut := run.CanaryRows > 0 && run.CanaryRows < last
	if cut {
		last = run.CanaryRows
	}
	open, err := w.ledger.Open(ctx, run, first, last)
	if err != nil {
		return nil, err
	}
	if run.Options.Recheck || run.Options.Approval {
		if err := w.ledger.See(ctx, run.ID, open); err != nil {
			return nil, err
		}
	}
	b := newBox(w, run, open, time.Now())
	b.cut = cut
	if b.canary.pending {
		if err := b.canary.recall(ctx, w.ledger, run.ID); err != nil {
			return nil, err
		}
	}
	for _, row := range open {
		if !w.client.Serves(row.Target.Route) {
			b.stop = fmt.Sprintf("row %d has the route %s, which Graph has in version beta only: set GRAPH_API_VERSION=beta", row.Row, row.Target.Route)
			break
		}
	}
	err = b.work(ctx)
	return b, err
}

// leave completes the job of a slice of which nothing may be sent: its run stands still, or what is left of it lies behind
// the canary's rows.
func (w *sliceWorker) leave(ctx context.Context, job *river.Job[SliceArgs], behind bool) error {
	return leave(ctx, w.pool, job, job.Args.Run, func(run ledger.Run) bool {
		return run.State == ledger.Running && !(behind && run.CanaryRows > 0)
	})
}

// leave completes a job that has nothing to do, unless its run goes on. It looks at the run under a lock that excludes a
// release: either the release sees the job completed and inserts it anew, or this sees that the run may go on, and does.
func leave[A river.JobArgs](ctx context.Context, pool *pgxpool.Pool, job *river.Job[A], id int64, goesOn func(ledger.Run) bool) error {
	again := false
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		run, err := ledger.RunForShare(ctx, tx, id)
		if err != nil {
			return err
		}
		if again = goesOn(run); again {
			return nil
		}
		_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if err != nil {
		return fmt.Errorf("leave a %s of run %d: %w", job.Kind, id, err)
	}
	if again {
		return river.JobSnooze(0)
	}
	return nil
}
