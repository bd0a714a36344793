package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Follow calls each with the newest events, as many as the filter's limit, and then with what is committed from then on, until
// the context ends or each returns an error. Within a call the oldest come first. Every so often it looks.
//
// The time of an event is that of its insert, and its commit comes later: what a slow transaction recorded turns up behind what
// was shown already. Follow misses none of it and shows none twice.
func (a *Audit) Follow(ctx context.Context, f EventFilter, every time.Duration, each func([]Event) error) error {
	f.Oldest = true
	w := watch{audit: a, filter: f, shown: map[string]time.Time{}}
	events, err := w.begin(ctx)
	for {
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end that a follower has; what was cut off by it is no fault
		case err != nil:
			return err
		case len(events) > 0:
			if err := each(events); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
			events, err = w.look(ctx)
		}
	}
}

// watch knows from when on there may be events that were not shown: nothing older is still to be committed.
type watch struct {
	audit  *Audit
	filter EventFilter
	from   time.Time
	marks  []mark               // of earlier looks, oldest first
	shown  map[string]time.Time // the IDs of what was shown or is too old to be, recorded from then on
}

// mark says that a transaction which had not begun to write at that time has this number or a later one.
type mark struct {
	at   time.Time
	next int64
}

// slack is how much earlier than its transaction's first write an event may have taken its time.
const slack = 5 * time.Second

// before is how long, when following begins, a transaction may have been open that has recorded an event and not committed
// it: the ledger's go on for seconds.
const before = time.Minute

func (w *watch) begin(ctx context.Context) (last []Event, err error) {
	err = w.inSnapshot(ctx, func(tx pgx.Tx, now mark, _ int64) error {
		f := w.filter
		f.Oldest = false
		s, err := w.audit.search(ctx, tx, f)
		if err != nil {
			return err
		}
		if last, err = s.page(ctx); err != nil {
			return err
		}
		slices.Reverse(last)
		w.from = now.at.Add(-before)
		_, err = w.unseen(ctx, tx)
		return err
	})
	return last, err
}

func (w *watch) look(ctx context.Context) (events []Event, err error) {
	err = w.inSnapshot(ctx, func(tx pgx.Tx, now mark, oldestOpen int64) (err error) {
		if events, err = w.unseen(ctx, tx); err != nil {
			return err
		}
		w.advance(now, oldestOpen)
		return nil
	})
	return events, err
}

// inSnapshot calls read with one view of the database, a mark of it, and the number of the oldest transaction that was open.
func (w *watch) inSnapshot(ctx context.Context, read func(pgx.Tx, mark, int64) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, w.audit.pool, options, func(tx pgx.Tx) error {
		// now() is when the transaction began, before its view of the database was taken. A snapshot ends with the last number
		// that is done with; those that are open beyond that hold a lock.
		const look = `
			SELECT now(), pg_snapshot_xmax(s)::text::bigint, pg_snapshot_xmin(s)::text::bigint,
			       ARRAY(SELECT transactionid::text::bigint FROM pg_locks WHERE locktype = 'transactionid' AND granted)
			FROM pg_current_snapshot() s`
		var now mark
		var oldestOpen int64
		var open []int64
		if err := tx.QueryRow(ctx, look).Scan(&now.at, &now.next, &oldestOpen, &open); err != nil {
			return fmt.Errorf("follow events: %w", err)
		}
		for _, short := range open {
			now.next = max(now.next, whole(short, oldestOpen)+1)
		}
		if _, err := tx.Exec(ctx, walking); err != nil {
			return fmt.Errorf("follow events: %w", err)
		}
		return read(tx, now, oldestOpen)
	})
}

// whole is the number of a transaction of which locks have only the last 32 bits, near to another one's.
func whole(short, near int64) int64 {
	const turn = 1 << 32
	number := near - near%turn + short
	switch {
	case number < near-turn/2:
		return number + turn
	case number > near+turn/2:
		return number - turn
	}
	return number
}

// unseen are the events that have turned up, and from now on are seen.
func (w *watch) unseen(ctx context.Context, tx pgx.Tx) (events []Event, err error) {
	f := w.filter
	f.Limit = 0
	if f.Since.Before(w.from) {
		f.Since = w.from
	}
	s, err := w.audit.search(ctx, tx, f)
	if err != nil {
		return nil, err
	}
	err = s.stream(ctx, s.whole(), func(e Event) bool {
		if _, seen := w.shown[e.ID]; !seen {
			w.shown[e.ID] = e.RecordedAt
			events = append(events, e)
		}
		return true
	})
	return events, err
}

// advance forgets what is so old that every transaction of its time has ended. The mark of this look counts from the next one on:
// a transaction may have ended between its two parts, open still when the view of the database was taken, and without a lock
// when the locks were looked at.
func (w *watch) advance(now mark, oldestOpen int64) {
	for len(w.marks) > 0 && w.marks[0].next <= oldestOpen {
		if from := w.marks[0].at.Add(-w.audit.slack); from.After(w.from) {
			w.from = from
		}
		w.marks = w.marks[1:]
	}
	w.marks = append(w.marks, now)
	for id, at := range w.shown {
		if at.Before(w.from) {
			delete(w.shown, id)
		}
	}
}
