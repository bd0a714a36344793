package jobs

import (
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

// sliceWorker works one slice for the length of a box, then makes room for others.
type sliceWorker struct {
	river.WorkerDefaults[SliceArgs]

	pool     *pgxpool.Pool
	ledger   *ledger.Ledger
	recorder *Recorder
	client   *graph.Client
	pace     *budget.Pace
	log      *slog.Logger
	pauses   pauseLog
	worker   string
	stopping <-chan struct{} // closed: send nothing more, finish what is in flight
}

// tokenWait is how long a tenant waits when there is no token to be had.
const tokenWait = time.Minute

// Work returns River's verdict: nil completes the job, a snooze brings the slice back.
func (w *sliceWorker) Work(ctx context.Context, job *river.Job[SliceArgs]) error {
	run, err := w.ledger.Run(ctx, job.Args.Run)
	if err != nil {
		return err
	}
	if run.State != ledger.Running {
		return w.leave(ctx, job)
	}
	if err := w.client.Ready(ctx); err != nil {
		w.log.Error("nothing is sent: "+err.Error(), "tenant", run.Tenant, "run", run.ID, "again_in", tokenWait)
		return river.JobSnooze(tokenWait)
	}
	first := job.Args.Slice*ledger.SliceRows + 1
	open, err := w.ledger.Open(ctx, run, first, first+ledger.SliceRows-1)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return nil
	}
	for _, row := range open {
		if !w.client.Serves(row.Target.Route) {
			reason := fmt.Sprintf("row %d has the route %s, which Graph has in version beta only: set GRAPH_API_VERSION=beta", row.Row, row.Target.Route)
			return w.hold(ctx, run, reason, job)
		}
	}
	b := newBox(w, run, open, time.Now())
	err = b.work(ctx)
	switch {
	case err != nil:
		return err
	case b.stop != "":
		return w.hold(ctx, run, b.stop, job)
	case b.state != ledger.Running:
		return w.leave(ctx, job)
	case b.lost:
		return river.JobSnooze(0)
	case len(b.rows) == 0:
		return nil
	}
	return river.JobSnooze(max(0, time.Until(b.rows.next())))
}

// hold stops the run for a person to look at, because going on would waste its rows on a fault that is not theirs.
func (w *sliceWorker) hold(ctx context.Context, run ledger.Run, reason string, job *river.Job[SliceArgs]) error {
	err := w.ledger.Hold(ctx, run.ID, w.worker, reason)
	var state *ledger.StateError
	switch {
	case err == nil:
		w.log.Error("run held: "+reason, "run", run.ID)
	case !errors.As(err, &state): // somebody else may have held it meanwhile
		return err
	}
	return w.leave(ctx, job)
}

// leave completes the job of a run that stands still. It looks at the run under a lock that excludes a release: either
// the release sees the job completed and inserts the slice anew, or this sees the run running and goes on.
func (w *sliceWorker) leave(ctx context.Context, job *river.Job[SliceArgs]) error {
	running := false
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		run, err := ledger.RunForShare(ctx, tx, job.Args.Run)
		if err != nil {
			return err
		}
		if running = run.State == ledger.Running; running {
			return nil
		}
		_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if err != nil {
		return fmt.Errorf("leave slice %d of run %d: %w", job.Args.Slice, job.Args.Run, err)
	}
	if running {
		return river.JobSnooze(0)
	}
	return nil
}
