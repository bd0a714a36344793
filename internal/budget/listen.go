package budget

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// keepEvery is how often a process looks at the pause while it sends, in case it was not told, and tells again what it
// could not.
const keepEvery = time.Second

// listen hears of pauses, on a connection of its own, and connects again when it is lost.
func (b *Budget) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		if b.hear(ctx) {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(patience(failures)):
		}
	}
}

// hear listens until the connection is lost. It reports whether there was one.
func (b *Budget) hear(ctx context.Context) (connected bool) {
	config := b.pool.Config().ConnConfig
	config.RuntimeParams["application_name"] += " listen"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN graphpatch_budget`); err != nil {
		return false
	}
	// What was told before.
	if err := b.look(ctx); err != nil {
		return false
	}
	for {
		n, err := await(ctx, conn)
		if err != nil {
			return true
		}
		if n != nil {
			b.heard([]byte(n.Payload))
		}
	}
}

// quietFor is how long a connection may say nothing before it has to show that it is alive: one that a network has
// forgotten says nothing for ever.
const quietFor = 5 * time.Second

// await returns what is told next, or nil when nothing was for a while and the connection is alive.
func await(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, quietFor)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err == nil || ctx.Err() != nil || waiting.Err() == nil {
		return n, err
	}
	alive, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	return nil, conn.Ping(alive)
}

// heard takes what was told, if it is for this tenant and app. What cannot be read is made good by the next look.
func (b *Budget) heard(payload []byte) {
	var t told
	if err := json.Unmarshal(payload, &t); err == nil && t.Tenant == b.tenant && t.App == b.app {
		b.adopt(t.halt)
	}
}

// keep tells what is to be told, and looks at the pause now and then.
func (b *Budget) keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.gate.wake:
		case <-ticker.C:
		}
		b.tell(ctx)
		now := b.now()
		if b.clock.silent(now, keepEvery*9/10) && (b.Writes.lively(now) || b.Reads.lively(now)) {
			// Without an answer nothing is reserved either; the next turn tries again.
			_ = b.look(ctx)
		}
	}
}

// tell repeats what the database could not be told. What it cannot be told now either is repeated at the next turn.
func (b *Budget) tell(ctx context.Context) {
	if class, w, left, ok := b.gate.retell(b.clock.toDB(b.now())); ok {
		b.retell(ctx, class, w, left)
	}
	if slot, ok := b.gate.success(); ok && b.gotThrough(ctx, slot) == nil {
		b.gate.successTold(slot)
	}
}

// retell tells of a pause that has lasted for a while.
func (b *Budget) retell(ctx context.Context, class string, w blow, left time.Duration) {
	late := w
	late.at = time.Time{} // what is left counts from now
	if w.wait > 0 {
		late.wait = max(left, time.Microsecond)
	}
	h, _, err := b.strike(ctx, class, late, 0)
	b.gate.told(w, err)
	if err == nil {
		b.adopt(h)
	}
}
