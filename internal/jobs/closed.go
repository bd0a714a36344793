package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"graphpatch/internal/graph"
)

// closed says until when nothing can be sent: Graph asked everybody to wait, nothing gets through, or there is no token.
// The zero time: something can. What lasts is said of the run, for whoever looks at it.
func (b *box) closed(ctx context.Context, now time.Time) (until time.Time, err error) {
	if pause, paused := b.w.budget.Paused(now); paused {
		switch {
		case pause.Down:
			err = b.says(ctx, fmt.Sprintf("nothing gets through to Graph since %s; it is tried again, at longest every 5 minutes", clock(pause.Since)))
		case pause.Until.Sub(now) > worthSaying:
			err = b.says(ctx, "Graph asked everybody to wait until "+clock(pause.Until))
		}
		return b.until(pause.Until), err
	}
	limited, cancel := context.WithDeadline(ctx, b.ends)
	defer cancel()
	missing := b.w.client.Ready(limited)
	if missing == nil || ctx.Err() != nil {
		return time.Time{}, ctx.Err()
	}
	b.w.tokens.log(b.w.log, "nothing is sent", missing)
	until = b.ends
	if token, ok := errors.AsType[*graph.TokenError](missing); ok && token.RetryAt.After(now) {
		until = b.until(token.RetryAt)
	}
	return until, b.says(ctx, missing.Error())
}

// worthSaying is how long a pause must be for the run to say so: near its limit a tenant is paused every second.
const worthSaying = 5 * time.Second

// says notes what the run waits for, "" when it goes on.
func (b *box) says(ctx context.Context, reason string) error {
	if reason == b.waiting {
		return nil
	}
	err := b.w.ledger.SetWaiting(ctx, b.run.ID, reason)
	if err == nil {
		b.waiting = reason
	}
	return err
}

func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) + " UTC" }
