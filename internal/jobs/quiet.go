package jobs

import (
	"context"
	"log/slog"
)

// quiet lets only warnings and errors of River through: its own news is not the operator's. Those that come of a database
// which is gone are dbWatch's to say, once instead of several times a second.
type quiet struct {
	slog.Handler
	db *dbWatch
}

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// Handle writes a record, unless the database is gone.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if q.db.gone(ctx) || q.db.justBack() {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs is slog's.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.db}
}

// WithGroup is slog's.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name), q.db} }
