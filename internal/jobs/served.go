package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// River keeps the time at which a queue was last worked, but by itself only every ten minutes: too seldom to tell a person
// whose run nobody works. A worker that has not been seen for servedFor is gone, or cannot reach the database.
const (
	appearEvery = 20 * time.Second
	servedFor   = time.Minute
)

// Served reports whether a worker for the tenant was there within the last minute.
func Served(ctx context.Context, pool *pgxpool.Pool, tenant uuid.UUID) (bool, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		return false, fmt.Errorf("set up River: %w", err)
	}
	queue, err := client.QueueGet(ctx, Queue(tenant))
	if errors.Is(err, rivertype.ErrNotFound) {
		return false, nil
	}
	var now time.Time
	if err == nil {
		err = pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	}
	if err != nil {
		return false, fmt.Errorf("look whether a worker serves the tenant: %w", err)
	}
	return now.Sub(queue.UpdatedAt) <= servedFor, nil
}

// appear shows the worker in its queues until ctx ends. River did it once as it started. A failure is nobody's: a worker that
// cannot reach the database works nothing, and a person sees just that.
func (w *Worker) appear(ctx context.Context) {
	ticker := time.NewTicker(appearEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := w.touch(ctx); err != nil && ctx.Err() == nil {
			w.config.Log.Debug("could not show that this worker is there", "error", err)
		}
	}
}

// touch sets the time at which the queues were last worked: that is all an update without metadata does.
func (w *Worker) touch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, appearEvery/2)
	defer cancel()
	for _, t := range w.config.Tenants {
		if _, err := w.river.QueueUpdate(ctx, Queue(t.ID), &river.QueueUpdateParams{}); err != nil {
			return err
		}
	}
	return nil
}

// unservedEvery is how often the log tells of tenants whose runs nobody works.
const unservedEvery = 5 * time.Minute

// warnUnserved tells of runs that wait for a worker which is not there.
func (m *maintenance) warnUnserved(ctx context.Context) error {
	if time.Since(m.unservedSaid) < unservedEvery {
		return nil
	}
	tenants, err := m.ledger.RunningTenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range m.tenants {
		delete(tenants, t.ID) // this worker is there
	}
	for tenant, runs := range tenants {
		served, err := Served(ctx, m.enqueuer.pool, tenant)
		if err != nil {
			return err
		}
		if !served {
			m.log.Warn("no worker serves this tenant now: its runs wait", "tenant", tenant, "runs", runs)
		}
	}
	m.unservedSaid = time.Now()
	return nil
}
