package jobs

import (
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
)

// pauseLog says that Graph throttles, a few times a minute at most: a tenant near its limit is paused every second, and
// the audit has each answer anyway.
type pauseLog struct {
	mu      sync.Mutex
	quietTo time.Time
	unsaid  int
}

const pauseLogEvery = 15 * time.Second

func (p *pauseLog) log(log *slog.Logger, tenant uuid.UUID, x graph.Exchange, pause budget.Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.quietTo) {
		p.unsaid++
		return
	}
	what := "Graph throttles: the tenant is paused"
	if pause.Down {
		what = "nothing gets through: the tenant is paused, and its rows wait"
	}
	log.Warn(what, "tenant", tenant, "status", x.Status,
		"for", pause.Until.Sub(now).Round(time.Millisecond), "asked_by_graph", pause.Asked, "pauses_not_logged_before", p.unsaid)
	p.quietTo, p.unsaid = now.Add(pauseLogEvery), 0
}
