package jobs

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// Enqueuer puts runs in, and their slices. It works nothing.
type Enqueuer struct {
	pool   *pgxpool.Pool
	ledger *ledger.Ledger
	river  *river.Client[pgx.Tx]
}

// NewEnqueuer returns an Enqueuer over a migrated database.
func NewEnqueuer(pool *pgxpool.Pool, l *ledger.Ledger) (*Enqueuer, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return nil, fmt.Errorf("set up River: %w", err)
	}
	return &Enqueuer{pool: pool, ledger: l, river: client}, nil
}

// Import takes a run number, then writes the run, its rows and its first job in one transaction: all in or
// none in. n.ID is set by it. rows is the number of rows imported.
func (e *Enqueuer) Import(ctx context.Context, n ledger.NewRun, source iter.Seq2[userstatus.Row, error]) (run int64, rows int32, err error) {
	if err := e.ledger.MakeMonths(ctx); err != nil {
		return 0, 0, err
	}
	if n.ID, err = e.ledger.NextRunID(ctx); err != nil {
		return 0, 0, err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if rows, err = ledger.Import(ctx, tx, n, source); err != nil {
			return err
		}
		if n.Hold {
			return nil // release inserts the slices
		}
		run := ledger.Run{ID: n.ID, Tenant: n.Tenant, Priority: n.Priority, State: n.State()}
		if run.State == ledger.Planning {
			return e.insertPlan(ctx, tx, run, []int32{survey})
		}
		// The first one brings the canary; the others follow when it has passed.
		return e.insertSlices(ctx, tx, run, []int32{0})
	})
	return n.ID, rows, err
}

// Release lets a held run go on, with a job for each slice that has open rows, or for its plan.
func (e *Enqueuer) Release(ctx context.Context, run int64, actor, reason string) error {
	if err := e.ledger.Release(ctx, run, actor, reason); err != nil {
		return err
	}
	return e.reslice(ctx, run)
}

// ReleaseBlind is Release without a plan: what is open is sent without being read first.
func (e *Enqueuer) ReleaseBlind(ctx context.Context, run int64, actor, reason string) error {
	if err := e.ledger.ReleaseBlind(ctx, run, actor, reason); err != nil {
		return err
	}
	return e.reslice(ctx, run)
}

// reslice inserts a job for each slice of the run that has open rows and no job, of those that are permitted now, or for each
// part of its plan that is still to be made. What has a job keeps it. If it does not get to its end, maintenance does it again.
func (e *Enqueuer) reslice(ctx context.Context, run int64) error {
	return e.resliceAs(ctx, run, ledger.RunForShare)
}

// pass notes that the run's canary has passed, and inserts the slices that waited for it.
func (e *Enqueuer) pass(ctx context.Context, run int64) error {
	return e.resliceAs(ctx, run, ledger.PassCanary)
}

// resliceAs inserts the jobs in the transaction in which look reads the run, and keeps its state.
func (e *Enqueuer) resliceAs(ctx context.Context, id int64, look func(context.Context, pgx.Tx, int64) (ledger.Run, error)) error {
	open, parts, err := e.open(ctx, id)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		run, err := look(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case run.State == ledger.Planning:
			return e.insertPlan(ctx, tx, run, parts)
		case run.State == ledger.Running:
			return e.insertSlices(ctx, tx, run, permitted(run, open))
		}
		return nil
	})
}

// open returns the slices that have open rows and the parts of the plan that are to be made, as far as the run is in a state for
// them. Looking for slices takes seconds in a large run, so it is not done in a transaction, nor for each part of a plan.
func (e *Enqueuer) open(ctx context.Context, id int64) (slices, parts []int32, err error) {
	run, err := e.ledger.Run(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if run.State == ledger.Planning {
		if parts, err = e.ledger.OpenParts(ctx, id); err != nil || len(parts) > 0 {
			return nil, parts, err
		}
	}
	slices, err = e.ledger.OpenSlices(ctx, id)
	return slices, []int32{survey}, err // the survey also ends a plan of which nothing is left
}

// permitted are those of the open slices that may be worked: as long as the canary is pending the first one, and none that
// only has rows behind the canary's.
func permitted(run ledger.Run, open []int32) []int32 {
	if run.CanaryRows > 0 {
		behind := sort.Search(len(open), func(i int) bool { return open[i]*ledger.SliceRows >= run.CanaryRows })
		open = open[:behind]
	}
	if run.Canary == ledger.CanaryPending {
		open = open[:min(1, len(open))]
	}
	return open
}

func (e *Enqueuer) insertSlices(ctx context.Context, tx pgx.Tx, run ledger.Run, slices []int32) error {
	return e.insert(ctx, tx, run, slices, func(slice int32) river.JobArgs { return SliceArgs{Run: run.ID, Slice: slice} })
}

func (e *Enqueuer) insertPlan(ctx context.Context, tx pgx.Tx, run ledger.Run, parts []int32) error {
	return e.insert(ctx, tx, run, parts, func(part int32) river.JobArgs { return PlanArgs{Run: run.ID, Part: part} })
}

// jobBatch is how many jobs one INSERT carries.
const jobBatch = 1000

func (e *Enqueuer) insert(ctx context.Context, tx pgx.Tx, run ledger.Run, numbers []int32, args func(int32) river.JobArgs) error {
	opts := &river.InsertOpts{Queue: Queue(run.Tenant), Priority: run.Priority}
	params := make([]river.InsertManyParams, 0, min(len(numbers), jobBatch))
	for batch := range slices.Chunk(numbers, jobBatch) {
		params = params[:0]
		for _, number := range batch {
			params = append(params, river.InsertManyParams{Args: args(number), InsertOpts: opts})
		}
		if _, err := e.river.InsertManyTx(ctx, tx, params); err != nil {
			return fmt.Errorf("insert the jobs of run %d: %w", run.ID, err)
		}
	}
	return nil
}
