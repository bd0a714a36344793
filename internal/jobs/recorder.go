package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"graphpatch/internal/ledger"
)

// Recorder writes events in group commits: whatever waits when the previous commit returns goes into the next.
// Measured, two writers and no timer are best: a timer only makes callers wait.
type Recorder struct {
	ledger  *ledger.Ledger
	log     *slog.Logger
	db      *dbWatch
	trouble troubleLog
	begun   [recorderWriters]atomic.Int64 // when each writer's batch was begun, in Unix nanoseconds; 0: it has none; failed
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
	// recorderPatience is how long it waits before it tries again. Less than maintenance needs to find claims whose lease
	// ended while the database was gone: those that were answered would be sent again.
	recorderPatience = time.Second
	// recorderLate is how long a batch may take before nothing more is claimed. A database that is far away takes a second.
	recorderLate = 2 * time.Second
	// recorderBlip is for how long it is not worth a word: a connection was ended, and the next one does.
	recorderBlip = 500 * time.Millisecond
	// diskFull is Postgres' code for that.
	diskFull = "53100"
)

// newRecorder starts the writers. Close ends them.
func newRecorder(l *ledger.Ledger, log *slog.Logger, db *dbWatch) *Recorder {
	r := &Recorder{ledger: l, log: log, db: db, entries: make(chan entry, recorderBatch), closing: make(chan struct{}), giveUp: make(chan struct{})}
	r.writers.Add(recorderWriters)
	for i := range recorderWriters {
		go r.write(&r.begun[i])
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

// failed stands for a batch that could not be written at the first try.
const failed = 1

// Behind reports whether answers cannot be recorded, or wait so long for it that no more requests should leave.
func (r *Recorder) Behind(now time.Time) bool {
	for i := range r.begun {
		if begun := r.begun[i].Load(); begun != 0 && now.Sub(time.Unix(0, begun)) > recorderLate {
			return true
		}
	}
	return false
}

func (r *Recorder) write(begun *atomic.Int64) {
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
		begun.Store(time.Now().UnixNano())
		r.flush(batch, begun)
		begun.Store(0)
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
func (r *Recorder) flush(batch []entry, begun *atomic.Int64) {
	events := make([]ledger.Event, len(batch))
	for i, e := range batch {
		events[i] = e.event
	}
	said, first := false, time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, recorderPatience) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		recorded, changes, err := r.ledger.Record(ctx, events)
		cancel()
		if err == nil {
			if said {
				r.log.Info("answers are recorded again")
			}
			for i, e := range batch {
				if refusal := recorded[i].Refused; refusal != nil {
					r.log.Error("the database refuses an answer", "run", e.event.Run, "row", e.event.Row, "client_request_id", e.event.ID, "error", refusal)
				}
				e.done <- recorded[i]
			}
			r.tell(changes)
			return
		}
		begun.Store(failed)
		if time.Since(first) > recorderBlip {
			said = r.say(err, len(events)) || said
		}
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
			// Whoever keeps this line can tell later whether what was recorded of the run was changed.
			r.log.Info("run "+string(c.State), "run", c.Run, "commit", c.Link.Commit, "digest", c.Link.Digest)
		case c.Asked:
			r.log.Info("run held: "+c.Reason, "run", c.Run)
		default:
			r.log.Error("run held: "+c.Reason, "run", c.Run)
		}
	}
}

// say tells that nothing can be recorded, and therefore nothing is sent, unless that is because the database is gone.
func (r *Recorder) say(err error, events int) (said bool) {
	why := "connections are lost"
	switch pg, ok := errors.AsType[*pgconn.PgError](err); {
	case ok && pg.Code == diskFull:
		why = "the database's disk is full"
	case ok:
		why = pg.Message
	case pgconn.Timeout(err):
		why = "it takes too long"
	}
	if r.db.gone(context.Background()) || !r.trouble.isNews(why, time.Now()) {
		return false
	}
	r.log.Error("answers cannot be recorded: nothing is sent until they can", "why", why, "waiting", events, "error", err)
	return true
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
