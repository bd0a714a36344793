package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"graphpatch/internal/ledger"
)

const (
	maintenanceEvery = 15 * time.Second
	// stalledAfter is when a running run without progress gets its slices anew, whatever became of their jobs.
	stalledAfter = 3 * time.Minute
	// monthsEvery is when partitions are looked after; three months are kept ready.
	monthsEvery = 24 * time.Hour
)

// maintenance does what no row's own journey does. River's leader inserts its job; any worker may get it.
type maintenance struct {
	river.WorkerDefaults[MaintenanceArgs]

	enqueuer     *Enqueuer
	ledger       *ledger.Ledger
	tenants      []Tenant // that this process serves
	log          *slog.Logger
	monthsMade   time.Time
	unservedSaid time.Time
	keepMonths   int // whole months before this one; 0: all of them
	retainedAt   time.Time
	keptSaid     string // what was last said to be in the way
}

func periodicMaintenance() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(maintenanceEvery),
		func() (river.JobArgs, *river.InsertOpts) { return MaintenanceArgs{}, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// Work does one round. The queue has one worker per process, so rounds of one process never overlap.
func (m *maintenance) Work(ctx context.Context, _ *river.Job[MaintenanceArgs]) error {
	taken, err := m.ledger.TakeOver(ctx)
	if err != nil {
		return err
	}
	if taken > 0 {
		m.log.Warn("answers were never recorded; their rows come again", "rows", taken)
	}
	if err := m.resliceStalled(ctx); err != nil {
		return err
	}
	if err := m.warnUnserved(ctx); err != nil {
		return err
	}
	if err := m.retain(ctx); err != nil {
		return err
	}
	if time.Since(m.monthsMade) < monthsEvery {
		return nil
	}
	if err := m.ledger.MakeMonths(ctx); err != nil {
		return err
	}
	m.monthsMade = time.Now()
	return nil
}

func (m *maintenance) resliceStalled(ctx context.Context) error {
	runs, err := m.ledger.Stalled(ctx, stalledAfter)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := m.enqueuer.reslice(ctx, run); err != nil {
			return err
		}
	}
	return nil
}
