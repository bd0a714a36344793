package jobs

import (
	"log/slog"
	"sync"
	"time"
)

// troubleLog says what does not work, when that is news and then once a minute: every slice finds out for itself.
type troubleLog struct {
	mu      sync.Mutex
	said    string
	quietTo time.Time
}

const troubleLogEvery = time.Minute

func (t *troubleLog) log(log *slog.Logger, what string, err error) {
	if text := what + ": " + err.Error(); t.isNews(text) {
		log.Error(text)
	}
}

// isNews reports whether that is to be said now.
func (t *troubleLog) isNews(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if what == t.said && now.Before(t.quietTo) {
		return false
	}
	t.said, t.quietTo = what, now.Add(troubleLogEvery)
	return true
}
