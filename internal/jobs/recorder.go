package jobs

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"graphpatch/internal/ledger"
)

// Recorder writes events in group commits: whatever waits when the previous commit returns goes into the next.
// Measured, two writers and no timer are best: a timer only makes callers wait.
type Recorder struct {
	ledger  *ledger.Ledger
	log     *slog.Logger
	entries chan entry
	closing chan struct{} // closed when nothing more is handed over
	giveUp  chan struct{} // closed when the process must end, recorded or not
	writers sync.WaitGroup
	settled atomic.Int64 // since in_flight was last vacuumed
}

type entry struct {
	event ledger.Event
	done  chan<- ledger.Recorded
}

const (
	recorderWriters = 2
	recorderBatch   = 2000
	// vacuumEvery keeps in_flight at a few MB; autovacuum alone lets it grow to 150 MB in a million rows.
	vacuumEvery = 20_000
)

// NewRecorder starts the writers. Close ends them.
func NewRecorder(l *ledger.Ledger, log *slog.Logger) *Recorder {
	r := &Recorder{ledger: l, log: log, entries: make(chan entry, recorderBatch), closing: make(chan struct{}), giveUp: make(chan struct{})}
	r.writers.Add(recorderWriters)
	for range recorderWriters {
		go r.write()
	}
	return r
}

// Close waits until everything handed over is recorded, or until ctx ends: then what is left stays in flight, and is
// named as unknown when its lease is over. What is handed over afterwards is not recorded.
func (r *Recorder) Close(ctx context.Context) {
	close(r.closing)
	stop := context.AfterFunc(ctx, func() { close(r.giveUp) })
	defer stop()
	r.writers.Wait()
}

// Record hands an event over and waits until it is committed. ok is false if the process had to end first.
func (r *Recorder) Record(event ledger.Event) (recorded ledger.Recorded, ok bool) {
	done := make(chan ledger.Recorded, 1)
	select {
	case <-r.closing:
		return ledger.Recorded{}, false
	case r.entries <- entry{event, done}:
	}
	recorded, ok = <-done
	return recorded, ok
}

func (r *Recorder) write() {
	defer r.writers.Done()
	batch := make([]entry, 0, recorderBatch)
	for {
		batch = batch[:0]
		select {
		case first := <-r.entries:
			batch = r.gather(append(batch, first))
		case <-r.closing:
			if batch = r.gather(batch); len(batch) == 0 {
				return
			}
		}
		r.flush(batch)
		r.vacuum(len(batch))
	}
}

// gather adds what waits already to the batch.
func (r *Recorder) gather(batch []entry) []entry {
	for len(batch) < recorderBatch {
		select {
		case e := <-r.entries:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// flush commits a batch, however long the database is away: the requests have been made, and what they meant must not
// be lost while there is hope. While it tries, callers wait, and nothing new is claimed.
func (r *Recorder) flush(batch []entry) {
	events := make([]ledger.Event, len(batch))
	for i, e := range batch {
		events[i] = e.event
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		recorded, changes, err := r.ledger.Record(ctx, events)
		cancel()
		if err == nil {
			for i, e := range batch {
				if refusal := recorded[i].Refused; refusal != nil {
					r.log.Error("the database refuses an answer", "run", e.event.Run, "row", e.event.Row, "client_request_id", e.event.ID, "error", refusal)
				}
				e.done <- recorded[i]
			}
			r.tell(changes)
			return
		}
		r.log.Error("answers could not be recorded, trying again", "events", len(events), "error", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-r.giveUp:
			for _, e := range batch {
				close(e.done)
			}
			return
		}
	}
}

// tell logs what has become of whole runs.
func (r *Recorder) tell(changes []ledger.Change) {
	for _, c := range changes {
		switch {
		case c.State != ledger.Held:
			r.log.Info("run "+string(c.State), "run", c.Run)
		case c.Asked:
			r.log.Info("run held: "+c.Reason, "run", c.Run)
		default:
			r.log.Error("run held: "+c.Reason, "run", c.Run)
		}
	}
}

func (r *Recorder) vacuum(n int) {
	if r.settled.Add(int64(n)) < vacuumEvery {
		return
	}
	r.settled.Store(0)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.ledger.Vacuum(ctx); err != nil {
		r.log.Warn("in_flight could not be vacuumed", "error", err)
	}
}
