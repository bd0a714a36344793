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
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	text := what + ": " + err.Error()
	if text == t.said && now.Before(t.quietTo) {
		return
	}
	log.Error(text)
	t.said, t.quietTo = text, now.Add(troubleLogEvery)
}
