package jobs

import (
	"context"
	"log/slog"
)

// quiet lets only warnings and errors of River through, each once a minute: its own news is not the operator's, and each of its
// queues tells the same. Those that come of a database which is gone are dbWatch's to say.
type quiet struct {
	slog.Handler
	db   *dbWatch
	said *troubleLog
}

func newQuiet(h slog.Handler, db *dbWatch) quiet { return quiet{h, db, &troubleLog{}} }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// Handle writes a record, unless the database is gone or it has just been written.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if q.db.gone(ctx) || q.db.justBack() || !q.said.isNews(words(r), r.Time) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// words are what a record says: its message and its error, not whose it is and how often it was tried.
func words(r slog.Record) string {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "error" {
			text += ": " + a.Value.String()
		}
		return true
	})
	return text
}

// WithAttrs is slog's.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	q.Handler = q.Handler.WithAttrs(attrs)
	return q
}

// WithGroup is slog's.
func (q quiet) WithGroup(name string) slog.Handler {
	q.Handler = q.Handler.WithGroup(name)
	return q
}
