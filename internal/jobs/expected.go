package jobs

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// seenFor is for how long what was read of a status is taken for what is there: a row is sent as soon as it was read, unless
// the limit is in the way.
const seenFor = 30 * time.Second

// unseen reports whether the row's status must be read before the row may be sent.
func unseen(row *ledger.OpenRow, now time.Time) bool {
	return row.Expects != "" && now.Sub(row.SeenAt) > seenFor
}

// dueUnread is how long an open row still has to wait that could not be read.
func dueUnread(run int64, row *ledger.OpenRow) time.Duration {
	if row.Unread == 0 {
		return 0
	}
	return max(0, backoff(run, row.Row, row.Unread)-row.UnreadAge)
}

// expected holds what was read of a status against what its row expects. If it shows anything else the row is settled and
// never sent, because somebody has changed it since. What cannot be read is not sent either. It returns when the row comes
// again, if it does, and why the run must stop, if it must.
func (f *flight) expected(ctx context.Context, e *ledger.Event, r reading) (again time.Duration, stop string) {
	row := f.claim.Row
	switch {
	case r.known:
		e.Settles, e.Error = f.changed(r.present)
		if e.Settles == "" {
			row.SeenAt = time.Now()
		}
	case r.Outcome() == graph.Rejected && r.Status == http.StatusNotFound:
		e.Settles, e.Error = "missing", "not taken back: there is no such status any more"
	case r.Outcome() == graph.Rejected:
		e.Settles, e.Error = "rejected", "not taken back, because it cannot be read: "+r.Problem()
	case r.Outcome() == graph.Throttled:
		again, _ = r.RetryAfter()
	case r.Outcome() == graph.Unauthorized:
		stop = f.renew(ctx, r.Exchange)
	default:
		if row.Unread++; row.Unread >= f.w.attempts {
			e.Settles, e.Error = "failed", "not taken back, because it cannot be read: "+r.Problem()
		}
		again = backoff(f.run.ID, row.Row, row.Unread)
	}
	return again, stop
}

// changed settles a row whose status does not show what it expects.
func (f *flight) changed(present userstatus.Observed) (settles, why string) {
	var expects userstatus.Observed
	if err := json.Unmarshal([]byte(f.claim.Row.Expects), &expects); err != nil {
		return "failed", "what the row expects cannot be read: " + err.Error()
	}
	asks := f.claim.Send.Asks()
	written, err := expects.Wanted(expects.Shows() & asks)
	switch differ := written.Differs(present); {
	case err != nil:
		return "failed", "what the row expects cannot be read: " + err.Error()
	case written.Asks() != asks:
		return "failed", "the row does not say what it expects of " + (asks &^ written.Asks()).String()
	case differ != 0:
		return "moved", "not taken back: it was changed since the run: " + written.Describe(differ, present)
	}
	return "", ""
}
