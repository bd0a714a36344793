package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// dbWatch knows whether the database can be reached. Everything notices when it is gone, several times a second; dbWatch
// says it once, and once that it is back.
type dbWatch struct {
	pool *pgxpool.Pool
	log  *slog.Logger

	mu     sync.Mutex // held while one looks, so that the others learn from it
	looked time.Time
	since  time.Time     // when it was found to be gone; zero: it is there
	back   chan struct{} // closed when it is back
	backAt time.Time
}

const (
	// lookEvery is also how long what was seen is good for.
	lookEvery = time.Second
	// lookFor is how long an answer may take, on a connection of the pool and then on a new one. A database that takes
	// longer is as good as gone.
	lookFor = 3 * time.Second
)

func newDBWatch(pool *pgxpool.Pool, log *slog.Logger) *dbWatch {
	return &dbWatch{pool: pool, log: log, back: make(chan struct{})}
}

// run looks again and again until ctx ends.
func (w *dbWatch) run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look(ctx, lookEvery/2)
		case <-ctx.Done():
			return
		}
	}
}

// justBack reports whether errors of a database that was gone may still be on their way.
func (w *dbWatch) justBack() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.backAt) < lookEvery
}

// gone reports whether the database cannot be reached. Whoever met an error asks it, to tell whether that is news.
func (w *dbWatch) gone(ctx context.Context) bool { return w.look(ctx, 0) }

// look asks the database, unless somebody else has been answered within that time, and reports whether it is gone.
func (w *dbWatch) look(ctx context.Context, good time.Duration) bool {
	asked := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looked.After(asked.Add(-good)) {
		return !w.since.IsZero()
	}
	err := w.ping(ctx)
	if ctx.Err() != nil {
		return !w.since.IsZero() // whoever asks has ended, which says nothing about the database
	}
	w.looked = time.Now()
	switch {
	case err != nil && w.since.IsZero():
		w.since = asked
		w.log.Error("the database cannot be reached: nothing is sent until it can, and answers that come meanwhile are kept", "error", err)
	case err == nil && !w.since.IsZero():
		w.log.Info("the database is back", "after", w.looked.Sub(w.since).Round(100*time.Millisecond))
		w.since, w.backAt = time.Time{}, w.looked
		close(w.back)
		w.back = make(chan struct{})
	}
	return err != nil
}

// ping is sure of a failure only on a new connection: those of the pool may have been lost one by one.
func (w *dbWatch) ping(ctx context.Context) error {
	pooled, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	if w.pool.Ping(pooled) == nil {
		return nil
	}
	ctx, cancel = context.WithTimeout(ctx, lookFor)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, w.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return conn.Ping(ctx)
}

// await returns when the database can be reached as far as is known, or when stop is closed. Somebody must run it.
func (w *dbWatch) await(stop <-chan struct{}) {
	for {
		w.mu.Lock()
		back, there := w.back, w.since.IsZero()
		w.mu.Unlock()
		if there {
			return
		}
		select {
		case <-back:
		case <-stop:
			return
		}
	}
}
