package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// Revert is a run whose effects are to be taken back, of one instant, as Replay is.
type Revert struct{ replay *Replay }

// Reverted is a row of which something may have reached Graph. It is valid until the next one is taken.
type Reverted struct {
	// Row asks for the values from before the run, and expects those that the run wrote. It is numbered from 1 without gaps, with
	// the line of its source; a row that is left out has no number and asks for nothing.
	userstatus.Row
	Origin   int    // its number in the run
	Last     string // its last outcome
	WhyNot   string // why it is left out, for a person; "" if it is not
	LaterRun int64  // left out for this row, which came later; 0: for something else
	LaterRow int
}

// LeftOut reports whether the row is not to be reverted.
func (r *Reverted) LeftOut() bool { return r.WhyNot != "" }

// OpenRevert looks at a run; close what it returns. Of the filter its Outcomes and Final mean nothing. The error is ErrNoRun or
// *StillOpenError.
func (a *Audit) OpenRevert(ctx context.Context, f EventFilter) (*Revert, error) {
	f.Outcomes, f.Final = []string{EveryOutcome}, false
	replay, err := a.OpenReplay(ctx, ReplayFilter{Events: f})
	if err != nil {
		return nil, err
	}
	return &Revert{replay}, nil
}

// Origin is the run.
func (r *Revert) Origin() *Detail { return r.replay.Origin() }

// Known are the tenant's runs after the origin, in which later updates are looked for.
func (r *Revert) Known() []int64 { return r.replay.Known }

// Close gives the connection back.
func (r *Revert) Close(ctx context.Context) { r.replay.Close(ctx) }

// Each hands every row of which something may have reached Graph to each, in the order of rows, until it returns an error.
func (r *Revert) Each(ctx context.Context, each func(*Reverted) error) error {
	var sent int32
	return r.replay.stream(ctx, revertColumns, revertFrom, revertWhere, func(rows pgx.Rows) error {
		row, err := r.scan(rows)
		if err != nil {
			return fmt.Errorf("read the rows of run %d: %w", r.replay.origin.ID, err)
		}
		if !row.LeftOut() {
			sent++
			row.Number = sent
		}
		return each(row)
	})
}

// revertFrom is what a run did to a row: when the first request left that may have changed its status, what the last look
// before it showed, and what was sent. Of a request whose answer nobody lived to see it is not known what was sent.
const (
	revertColumns = `, before.body, wrote.body`
	revertWhere   = `touched.at IS NOT NULL`
	revertFrom    = `
		CROSS JOIN LATERAL (
			SELECT min(coalesce(p.sent_at, p.recorded_at)) AS at FROM audit_event p
			WHERE p.run = @run AND p.row = u.row AND p.method IS DISTINCT FROM 'GET'
			  AND p.outcome IN ('applied', 'failed', 'transient', 'unknown')
		) touched
		LEFT JOIN LATERAL (
			SELECT p.response_body AS body FROM audit_event p
			WHERE p.run = @run AND p.row = u.row AND p.method = 'GET' AND p.status = 200 AND NOT p.body_cut
			  AND p.outcome = 'observed' AND coalesce(p.sent_at, p.recorded_at) < touched.at
			ORDER BY coalesce(p.sent_at, p.recorded_at) DESC LIMIT 1
		) before ON true
		LEFT JOIN LATERAL (
			SELECT p.request_body AS body FROM audit_event p
			WHERE p.run = @run AND p.row = u.row AND p.method = 'PATCH' AND p.request_body IS NOT NULL
			  AND p.outcome IN ('applied', 'failed', 'transient', 'unknown')
			ORDER BY p.final DESC, p.recorded_at DESC LIMIT 1
		) wrote ON true`
)

func (r *Revert) scan(rows pgx.Rows) (*Reverted, error) {
	var before, wrote []byte
	row, asked, err := r.replay.scan(rows, &before, &wrote)
	if err != nil {
		return nil, err
	}
	back := &Reverted{Row: row.Row, Origin: row.Origin, Last: row.Last}
	if len(back.Other) > r.replay.others {
		back.Other = back.Other[:r.replay.others] // without the record as it stood, which asks for other values
	}
	if row.Erased {
		back.WhyNot = "a person's values were erased from it"
		return back, nil
	}
	back.Update.Wanted, back.Expects, back.WhyNot = takeBack(asked, before, wrote)
	if reached := back.Update.Wanted.Asks() & row.Dropped; reached != 0 {
		back.LaterRun, back.LaterRow = row.LaterRun, row.LaterRow
		back.WhyNot = fmt.Sprintf("a later update asks for its %s: row %d of run %d", reached, row.LaterRow, row.LaterRun)
	}
	if back.LeftOut() {
		back.Update.Wanted, back.Expects = userstatus.Wanted{}, ""
	}
	return back, nil
}

// takeBack works out what to ask for, so that a status is as it was before, and what it must show until then.
func takeBack(asked userstatus.Wanted, before, wrote []byte) (back userstatus.Wanted, expects, whyNot string) {
	if wrote == nil {
		wrote = asked.Body()
	}
	var was, sent userstatus.Observed
	if before == nil {
		return back, "", "nobody looked at its values before"
	}
	if err := json.Unmarshal(before, &was); err != nil {
		return back, "", "what was seen of it before cannot be read: " + err.Error()
	}
	if err := json.Unmarshal(wrote, &sent); err != nil {
		return back, "", "what was sent for it cannot be read: " + err.Error()
	}
	if differ := asked.Only(sent.Shows()).Differs(sent); differ != 0 {
		// Neither is what was seen before, then: with redacted bodies both have other words for names.
		return back, "", "its " + differ.String() + " was not kept as it was sent"
	}
	back, err := was.Wanted(sent.Shows())
	if err != nil {
		return userstatus.Wanted{}, "", "a value from before cannot be sent: " + err.Error()
	}
	differ := back.Differs(sent)
	if differ == 0 {
		return userstatus.Wanted{}, "", "it was before as the run left it"
	}
	written, err := sent.Wanted(differ)
	if err != nil {
		return userstatus.Wanted{}, "", "what was sent for it cannot be read: " + err.Error()
	}
	return back.Only(differ), string(written.Body()), ""
}
