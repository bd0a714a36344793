package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"graphpatch/internal/graph"
)

// closed says until when nothing can be sent: Graph asked everybody to wait, nothing gets through, or there is no token.
// The zero time: something can. What the budget does not show is said of the run, for whoever looks at it.
func (b *box) closed(ctx context.Context, now time.Time) (until time.Time, err error) {
	// What lies after the pause is taken and claimed before its end, otherwise its first slots are lost.
	if pause, paused := b.w.budget.Paused(now); paused && pause.Until.Sub(now) > ahead {
		if pause.Down {
			err = b.says(ctx, fmt.Sprintf("nothing gets through to Graph since %s; it is tried again, at longest every 5 minutes", clock(pause.Since)))
		}
		return b.until(pause.Until.Add(-ahead)), err
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
