package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// ReplayFilter says which rows of a run are to be sent again.
type ReplayFilter struct {
	// Events is held against the last event of each row: the final one, or the newest of a row that has none. Its Run is
	// the run; its Outcomes are those of ParseReplayOutcome, none of them: rejected and failed. Limit and Bodies mean nothing.
	Events EventFilter
	// Force sends also what later updates have reached since.
	Force bool
}

// EveryOutcome stands for all rows, whatever became of them.
const EveryOutcome = "all"

// replayOutcomes are what can have become of a row in the end.
func replayOutcomes() []string {
	return slices.Concat(ResultOutcomes(), passing, []string{EveryOutcome})
}

// ParseReplayOutcome checks the name of a row's last outcome. The error names the near miss, or all of them.
func ParseReplayOutcome(s string) (string, error) {
	all := replayOutcomes()
	if slices.Contains(all, s) {
		return s, nil
	}
	if near, ok := userstatus.Suggest(s, all); ok {
		return "", fmt.Errorf("%q is no last outcome of a row: write %s", s, near)
	}
	return "", fmt.Errorf("%q is no last outcome of a row: use some of %s", s, strings.Join(all, ", "))
}

// StillOpenError says that open rows are asked for of a run that will send them by itself.
type StillOpenError struct {
	Run   int64
	State string // running or planning
}

func (e *StillOpenError) Error() string {
	return fmt.Sprintf("run %d is %s and will send its open rows by itself: hold or cancel it first, or ask for rows that are settled", e.Run, e.State)
}

// Replay is a run whose rows are to be sent again, of one instant: reading it twice gives the same. It holds a connection
// until it is closed.
type Replay struct {
	Known  []int64 // the tenant's runs after the origin, in which later updates are looked for; nil with Force
	origin Detail
	filter ReplayFilter
	others int // how many cells a row keeps beside what it asks for
	tx     pgx.Tx
}

// Replayed is a row that the filter lets through. It is valid until the next one is taken.
type Replayed struct {
	// Row is what is to be sent, numbered from 1 without gaps, with the line of its source. A row that is left out has no
	// number and asks for nothing.
	userstatus.Row
	Origin int    // its number in the run
	Last   string // its last outcome; open or cancelled when nothing has happened to it

	// Dropped are the properties that later updates of the target have reached, or are still to be sent; LaterRun and LaterRow
	// are the newest of those. None with Force.
	Dropped  userstatus.Properties
	LaterRun int64
	LaterRow int

	Erased bool // a person's values were removed from the row, so that nothing of it can be sent
}

// LeftOut reports whether nothing of the row is to be sent.
func (r *Replayed) LeftOut() bool { return r.Update.Wanted.Asks() == 0 }

// OpenReplay looks at a run; close what it returns. The error is ErrNoRun, *PurgedError or *StillOpenError.
func (a *Audit) OpenReplay(ctx context.Context, f ReplayFilter) (_ *Replay, err error) {
	if len(f.Events.Outcomes) == 0 {
		f.Events.Outcomes = []string{"rejected", "failed"}
	}
	tx, err := a.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("read run %d: %w", f.Events.Run, err)
	}
	r := &Replay{filter: f, tx: tx}
	defer func() {
		if err != nil {
			r.Close(ctx)
		}
	}()
	if _, err := tx.Exec(ctx, patient+`;`+inOrder); err != nil {
		return nil, fmt.Errorf("read run %d: %w", f.Events.Run, err)
	}
	r.origin, err = readDetail(ctx, tx, f.Events.Run)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, noRun(f.Events.Run)
	case err != nil:
		return nil, fmt.Errorf("read run %d: %w", f.Events.Run, err)
	case r.origin.PurgedAt != nil:
		return nil, &PurgedError{f.Events.Run, r.origin.PurgedAt.UTC()}
	case (r.origin.State == "running" || r.origin.State == "planning") && !f.settled():
		return nil, &StillOpenError{f.Events.Run, r.origin.State}
	}
	if !f.Force {
		err = tx.QueryRow(ctx, `SELECT coalesce(array_agg(id), '{}') FROM run WHERE tenant = $1 AND id > $2`, r.origin.Tenant, r.origin.ID).Scan(&r.Known)
		if err != nil {
			return nil, fmt.Errorf("look for runs after run %d: %w", r.origin.ID, err)
		}
	}
	var note struct{ OtherColumns []int }
	if err := json.Unmarshal(r.origin.Source, &note); err != nil {
		return nil, fmt.Errorf("read what run %d notes of its source: %w", f.Events.Run, err)
	}
	r.others = len(note.OtherColumns)
	r.origin.toUTC()
	return r, nil
}

// Origin is the run.
func (r *Replay) Origin() *Detail { return &r.origin }

// Close gives the connection back.
func (r *Replay) Close(ctx context.Context) {
	_ = r.tx.Rollback(context.WithoutCancel(ctx)) // it has written nothing
}

// settled reports whether only rows with a final event are asked for.
func (f *ReplayFilter) settled() bool {
	return f.Events.Final || !slices.ContainsFunc(f.Events.Outcomes, func(o string) bool { return !slices.Contains(settling, o) })
}

// Each hands every row that the filter lets through to each, in the order of rows, until it returns an error.
func (r *Replay) Each(ctx context.Context, each func(*Replayed) error) error {
	var sent int32
	return r.stream(ctx, "", "", "", func(rows pgx.Rows) error {
		row, _, err := r.scan(rows)
		if err != nil {
			return fmt.Errorf("read the rows of run %d: %w", r.origin.ID, err)
		}
		if !row.LeftOut() {
			sent++
			row.Number = sent
		}
		return each(row)
	})
}

// stream calls each for every row of the query, in order, until it returns an error.
func (r *Replay) stream(ctx context.Context, columns, from, where string, each func(pgx.Rows) error) error {
	// As for events: leaving before the end must not read the rest.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sql, args := r.query(columns, from, where)
	rows, err := r.tx.Query(ctx, sql, args)
	if err != nil {
		return fmt.Errorf("read the rows of run %d: %w", r.origin.ID, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			cancel()
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the rows of run %d: %w", r.origin.ID, err)
	}
	return nil
}

// scan also returns all that the row had asked for. more takes the columns that were added to the query.
func (r *Replay) scan(rows pgx.Rows, more ...any) (row *Replayed, asked userstatus.Wanted, err error) {
	row = &Replayed{Row: userstatus.Row{Update: userstatus.Update{Target: userstatus.Target{Tenant: r.origin.Tenant}}}}
	var wanted userstatus.Stored
	t := &row.Update.Target
	err = rows.Scan(append([]any{
		&row.Origin, &row.Line, &t.Route, &t.ConfigurationID, &t.CertificateID, &t.StatusID, &wanted.Asks,
		&wanted.UserDisplayName, &wanted.DevicesCount, &wanted.Status, &wanted.LastReportedDateTime, &wanted.UserPrincipalName,
		&row.Other, &row.Expects, &row.Last, &row.Dropped, &row.LaterRun, &row.LaterRow, &row.Erased,
	}, more...)...)
	if err != nil {
		return nil, asked, err
	}
	if row.Erased {
		row.Dropped, row.LaterRun, row.LaterRow = 0, 0, 0
		return row, asked, nil
	}
	if asked, err = wanted.Wanted(); err != nil {
		return nil, asked, fmt.Errorf("row %d: %w", row.Origin, err)
	}
	row.Dropped &= wanted.Asks
	row.Update.Wanted = asked.Only(^row.Dropped)
	if row.Dropped != 0 && len(row.Other) > r.others {
		row.Other = row.Other[:r.others] // without the record as it stood, which asks for all of it
	}
	return row, asked, nil
}
