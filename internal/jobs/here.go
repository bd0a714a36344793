package jobs

import (
	"context"
	"fmt"
	"time"

	"graphpatch/internal/ledger"
)

// WorkHere works the first slice of a run in this process, without River, until the run stands still or ended or ctx ends:
// for a run of a few rows that somebody waits for. A worker that gets hold of the same slice does no harm.
func WorkHere(ctx context.Context, config WorkerConfig, id int64) error {
	all, err := newSliceWorkers(config, ctx.Done())
	if err != nil {
		return err
	}
	// What is in flight when ctx ends is finished.
	background := context.WithoutCancel(ctx)
	defer func() {
		closing, cancel := context.WithTimeout(background, 10*time.Second)
		defer cancel()
		all.close(closing)
	}()
	for ctx.Err() == nil {
		run, err := config.Ledger.Run(background, id)
		if err != nil || run.State != ledger.Running {
			return err
		}
		apps := all.byQueue[Queue(run.Tenant)]
		if apps == nil {
			return fmt.Errorf("run %d is for the tenant %s, which is not worked here", id, run.Tenant)
		}
		b, err := apps.apps[0].work(background, run, 0)
		if err != nil {
			return err
		}
		next := time.Now().Add(busyWait) // somebody else has it
		if len(b.rows) > 0 {
			next = b.rows.next()
		}
		b.await(ctx, next)
	}
	return ctx.Err()
}
