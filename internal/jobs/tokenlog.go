package jobs

import (
	"log/slog"
	"sync"
	"time"

	"graphpatch/internal/ledger"
)

// tokenLog says that there is no token, when that is news and then once a minute: every slice finds out for itself.
type tokenLog struct {
	mu      sync.Mutex
	said    string
	quietTo time.Time
}

const tokenLogEvery = time.Minute

func (t *tokenLog) log(log *slog.Logger, run ledger.Run, missing error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if missing.Error() == t.said && now.Before(t.quietTo) {
		return
	}
	log.Error("nothing is sent: "+missing.Error(), "tenant", run.Tenant, "run", run.ID)
	t.said, t.quietTo = missing.Error(), now.Add(tokenLogEvery)
}
