package jobs

import (
	"context"
	"sync"
	"time"

	"graphpatch/internal/ledger"
)

// runWatch tells the boxes of a process when their runs stand still, and when a run of a higher priority does. Of the
// former a claim would tell as well, but rows that were claimed up to a second ahead of their slots would still be sent, and a
// box whose rows all wait makes no claim.
type runWatch struct {
	ledger *ledger.Ledger
	ctx    context.Context //nolint:containedctx // of the goroutine, which close ends
	cancel context.CancelFunc
	looks  sync.WaitGroup

	mu      sync.Mutex
	boxes   map[*box]bool
	looking bool
}

// watchEvery is a tenth of the second within which a hold takes effect everywhere: time for a slow answer.
const watchEvery = 100 * time.Millisecond

func newRunWatch(l *ledger.Ledger) *runWatch {
	ctx, cancel := context.WithCancel(context.Background())
	return &runWatch{ledger: l, ctx: ctx, cancel: cancel, boxes: map[*box]bool{}}
}

// close ends the looking. No box is watched any more.
func (w *runWatch) close() {
	w.mu.Lock()
	w.cancel() // add begins no look any more
	w.mu.Unlock()
	w.looks.Wait()
}

// add has the box halted when its run stands still, until remove.
func (w *runWatch) add(b *box) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boxes[b] = true
	if !w.looking && w.ctx.Err() == nil {
		w.looking = true
		w.looks.Go(w.look)
	}
}

func (w *runWatch) remove(b *box) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.boxes, b)
}

// look goes on as long as there are boxes.
func (w *runWatch) look() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.ctx.Done():
			return
		}
		runs, ok := w.runs()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		turns, err := w.ledger.Turns(ctx, runs)
		cancel()
		if err == nil { // otherwise the next look tells: without a database nobody can hold a run
			w.take(turns)
		}
	}
}

// runs are those of the boxes; ok is false when there are none, and then the looking has ended.
func (w *runWatch) runs() (runs []int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[int64]bool{}
	for b := range w.boxes {
		if !seen[b.run.ID] {
			seen[b.run.ID] = true
			runs = append(runs, b.run.ID)
		}
	}
	w.looking = len(runs) > 0
	return runs, w.looking
}

func (w *runWatch) take(turns map[int64]ledger.Turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := range w.boxes {
		turn := turns[b.run.ID]
		b.yields.Store(turn.Yields)
		if turn.State != b.run.State {
			b.halt()
		}
	}
}
