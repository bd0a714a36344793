package jobs

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"graphpatch/internal/budget"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// logged collects what a worker logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Processes that disagree about the limit: the lowest holds, and the other one says so.
func TestLowestLimitHolds(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	low := budget.Limit{Requests: 400, Window: 20 * time.Second}
	first := k.enqueue(5, userstatus.Compliant)
	stop := k.start(k.workerFor("low", "token", low))
	k.await(first, ledger.Finished)
	stop()
	var said logged
	w := k.workerFor("high", "token", fast)
	for _, apps := range w.slices.byQueue {
		apps.apps[0].log = slog.New(slog.NewTextHandler(&said, nil))
	}
	k.start(w)
	// It learns of the lower limit with its first slots, and says so when it begins the next slice.
	for _, status := range []userstatus.ComplianceStatus{userstatus.Error, userstatus.Conflict} {
		k.await(k.enqueue(3, status), ledger.Finished)
	}
	if !strings.Contains(said.String(), "lower write limit, which holds for all: 400/20s") {
		t.Errorf("the worker with the higher limit said: %s", said.String())
	}
}
