package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"graphpatch/internal/ledger"
)

// planWorkers hand each part of a plan to the apps of its tenant. Plans and slices share the places of their queue.
type planWorkers struct {
	river.WorkerDefaults[PlanArgs]

	slices *sliceWorkers
}

// Work goes by the queue that the part came from.
func (w *planWorkers) Work(ctx context.Context, job *river.Job[PlanArgs]) error {
	apps := w.slices.byQueue[job.Queue]
	if apps == nil {
		return fmt.Errorf("part %d of the plan of run %d: the queue %s is not worked here", job.Args.Part, job.Args.Run, job.Queue)
	}
	one := apps.take(time.Now())
	defer apps.release(one)
	return one.plan(ctx, job)
}

// surveyAgain is when to look again whether the answers to a run's requests have come.
const surveyAgain = time.Second

// plan works a part of a run's plan for the length of a box. It returns River's verdict.
func (w *sliceWorker) plan(ctx context.Context, job *river.Job[PlanArgs]) error {
	run, err := w.ledger.Run(ctx, job.Args.Run)
	if err != nil {
		return err
	}
	if run.State != ledger.Planning {
		return w.leavePlan(ctx, job)
	}
	if job.Args.Part == survey {
		ready, err := w.ledger.Survey(ctx, run.ID)
		switch {
		case err != nil:
			return err
		case !ready:
			return river.JobSnooze(surveyAgain)
		}
		return w.endPlan(ctx, job)
	}
	part, err := w.ledger.Part(ctx, run, job.Args.Part)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil // it was too old, and has been taken away
	case err != nil:
		return err
	case part.Done:
		return w.endPlan(ctx, job)
	}
	b := &planBox{box: newBox(w, run, nil, time.Now()), part: part}
	if err := b.work(ctx); err != nil {
		return errors.Join(err, w.recover(ctx, nil))
	}
	switch {
	case part.Done:
		return w.endPlan(ctx, job)
	case b.stands():
		return w.leavePlan(ctx, job)
	}
	return river.JobSnooze(0)
}

// endPlan ends the planning of the run, if nothing of it is left, otherwise it sees to it that what is left has jobs. The job is
// completed in the same commit: River would do it later, and a run that is released meanwhile and planned anew would get no job
// of the same number.
func (w *sliceWorker) endPlan(ctx context.Context, job *river.Job[PlanArgs]) error {
	if job.Args.Part != survey {
		if more, err := w.ledger.PlansMore(ctx, job.Args.Run); err != nil {
			return err
		} else if more {
			return leave(ctx, w.pool, job, job.Args.Run, func(ledger.Run) bool { return false })
		}
	}
	return w.enqueuer.resliceAs(ctx, job.Args.Run, func(ctx context.Context, tx pgx.Tx, id int64) (ledger.Run, error) {
		run, err := ledger.FinishPlan(ctx, tx, id, w.worker)
		if err == nil {
			_, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		}
		return run, err
	})
}

func (w *sliceWorker) leavePlan(ctx context.Context, job *river.Job[PlanArgs]) error {
	return leave(ctx, w.pool, job, job.Args.Run, func(run ledger.Run) bool { return run.State == ledger.Planning })
}
