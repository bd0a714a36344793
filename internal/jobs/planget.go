package jobs

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

const (
	// planBatch is how many rows are read before what they showed is written down.
	planBatch = 100
	// planFlying bounds how many of them are read at once.
	planFlying = 50
	// absentBatch is how many rows are written down at once for which nothing is read.
	absentBatch = 1000
)

// readRows reads the next rows one by one; only one while nothing gets through.
func (b *planBox) readRows(ctx context.Context) error {
	most := planBatch
	if b.w.budget.Probing() {
		most = 1
	}
	_, err := b.readSome(ctx, most)
	return err
}

// readSome reads up to so many rows one by one. through says that something was learnt, or that no row is left to be read.
func (b *planBox) readSome(ctx context.Context, most int) (through bool, err error) {
	p := b.part
	rows, err := b.w.ledger.Unread(ctx, p, most)
	if err != nil {
		return false, err
	}
	if len(rows) == 0 {
		p.Unread += max(0, p.Left()) // their reads failed too often
		p.Done = true
		return true, b.write(ctx, nil, nil)
	}
	if err := b.look(ctx, rows); err != nil {
		return false, err
	}
	readings := b.readEach(ctx, rows)
	outage := b.outage(ctx, rows, readings)
	var events []ledger.Event
	behind := false // of a row that is to be read again
	for i := range rows {
		r := readings[i]
		settled := false
		if r.Sent {
			event := readingOf(ledger.Claim{Wish: ledger.Wish{Row: &rows[i].OpenRow}}, b.run.ID, r.ClientRequestID, r.Exchange)
			event.Spared = r.found() || outage
			event, settled = b.weighRead(ctx, &rows[i], r, event)
			events = append(events, b.w.bodies.of(event, rows[i].Wanted))
		}
		through = through || settled
		if behind = behind || !settled; !behind {
			p.Swept = rows[i].Row
		}
	}
	if p.Done = p.Left() <= 0; behind {
		b.pause = busyWait
	}
	return through, b.write(ctx, nil, events)
}

// outage reports whether nothing gets through for the tenant: several reads in a row met passing faults, or a list did and a read
// does, too. Then everybody waits, and it costs the rows nothing.
func (b *planBox) outage(ctx context.Context, rows []ledger.PlannedRow, readings []reading) bool {
	suspect := b.part.Faults >= mostFaults
	var last *reading
	for i := range readings {
		switch r := &readings[i]; {
		case !r.Sent:
		case r.found():
			return false
		case r.Outcome() == graph.Transient:
			suspect = b.w.budget.Faltered(rows[i].Key) || suspect
			last = r
		}
	}
	if !suspect || last == nil {
		return false
	}
	pause, news, err := b.w.budget.Reads.Down(ctx, time.Now(), last.slot)
	b.paused(ctx, last.Exchange, pause, news, err)
	return true
}

// weighRead decides what the read of one row says; ok is false when it is to be read again.
func (b *planBox) weighRead(ctx context.Context, row *ledger.PlannedRow, r reading, event ledger.Event) (decided ledger.Event, ok bool) {
	switch {
	case r.known:
		return b.found(row, &r.present, event), true
	case b.stopped(ctx, r.Exchange):
		event.Outcome = "refused" // it is about all of them
		return event, false
	case r.Status == http.StatusNotFound:
		b.part.Missing++
		if b.run.Options.SkipMissing && !row.Contested {
			event.Settles = "missing"
		}
		return event, true
	case r.Outcome() == graph.Rejected:
		b.part.Unread++
		return event, true
	case r.Outcome() == graph.Applied:
		event.Outcome = string(graph.Transient) // a 200 that shows no status
	}
	return event, false
}

// readEach reads each row in a slot of its own, as far as there are slots; others get the zero reading.
func (b *planBox) readEach(ctx context.Context, rows []ledger.PlannedRow) []reading {
	readings := make([]reading, len(rows))
	limited, cancel := context.WithDeadline(ctx, b.ends)
	defer cancel()
	places := make(chan struct{}, planFlying)
	var all sync.WaitGroup
	for i := range rows {
		places <- struct{}{}
		slot, ok := b.readSlot(limited, b.halted)
		if !ok {
			break
		}
		all.Go(func() {
			readings[i] = b.show(ctx, rows[i].Target, slot, uuid.New())
			<-places
		})
	}
	all.Wait()
	return readings
}

// absent ends a part whose list Graph does not have: none of its statuses can be there.
func (b *planBox) absent(ctx context.Context) error {
	p := b.part
	if !b.run.Options.SkipMissing {
		p.Missing, p.Done = p.Missing+p.Left(), true
		return b.write(ctx, nil, nil)
	}
	rows, err := b.w.ledger.Unread(ctx, p, absentBatch)
	if err != nil {
		return err
	}
	events := make([]ledger.Event, len(rows))
	for i := range rows {
		events[i] = ledger.Event{
			Run: b.run.ID, Row: rows[i].Row, Key: rows[i].Key, ID: uuid.New(), Outcome: "observed", Settles: "missing", Spared: true,
			Error: "Graph has no list of statuses for configuration " + p.Collection.ConfigurationID,
		}
		p.Swept = rows[i].Row
	}
	p.Missing += len(rows)
	if p.Done = len(rows) == 0 || p.Left() <= 0; p.Done {
		p.Unread += max(0, p.Left())
	}
	return b.write(ctx, nil, events)
}
