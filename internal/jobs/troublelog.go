package jobs

import (
	"log/slog"
	"maps"
	"sync"
	"time"
)

// troubleLog says what does not work, when that is news and then once a minute: every slice finds out for itself.
type troubleLog struct {
	mu    sync.Mutex
	quiet map[string]time.Time // what was said, and until when it is not said again
}

const troubleLogEvery = time.Minute

func (t *troubleLog) log(log *slog.Logger, what string, err error) {
	if text := what + ": " + err.Error(); t.isNews(text, time.Now()) {
		log.Error(text)
	}
}

// isNews reports whether that is to be said now.
func (t *troubleLog) isNews(what string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.quiet, func(_ string, until time.Time) bool { return !now.Before(until) })
	if _, said := t.quiet[what]; said {
		return false
	}
	if t.quiet == nil {
		t.quiet = map[string]time.Time{}
	}
	t.quiet[what] = now.Add(troubleLogEvery)
	return true
}
