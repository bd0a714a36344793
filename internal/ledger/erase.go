package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"graphpatch/internal/proof"
)

// Erased is how much a person's values were removed from.
type Erased struct {
	Runs   int `json:"runs"`
	Rows   int `json:"rows"`   // from which wanted values and other cells were removed
	Events int `json:"events"` // from which bodies and errors were removed
}

// EraseOpenError says that a run which has rows of the person is still open: its values are needed.
type EraseOpenError struct {
	Run   int64
	State State
}

func (e *EraseOpenError) Error() string {
	return fmt.Sprintf("run %d has rows of this user and is %s, or some of it is in flight: nothing was erased; finish or cancel it first", e.Run, e.State)
}

// Erase removes a person's values, by the userPrincipalName, which is compared without regard to case: from the rows of every
// status of which a row asks for that name or has it among the cells, and from the events of those and whatever else has the name in a
// body or an error. What stays are ids, outcomes, times and hashes; and each row gets an event that says so, with actor and
// reason, so that verify vouches for it. All or nothing; it takes the tables' owner and reads the whole history. The error is an
// *EraseOpenError when a run that has such rows is open.
func (l *Ledger) Erase(ctx context.Context, user, actor, reason string) (erased Erased, err error) {
	months := map[int64]bool{}
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		rows, err := rowsOfUser(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("look for the user: %w", err)
		}
		for _, run := range slices.Sorted(maps.Keys(rows)) {
			if err := eraseRun(ctx, tx, run, user, rows[run], actor, reason, &erased); err != nil {
				return err
			}
			months[run/1_000_000] = true
		}
		return nil
	})
	if err != nil {
		return Erased{}, fmt.Errorf("erase: %w", err)
	}
	for month := range months {
		// What was removed lies in the files until they are cleaned up.
		if _, err := l.pool.Exec(ctx, fmt.Sprintf(`VACUUM status_update_%d, audit_event_%d`, month, month)); err != nil {
			return erased, fmt.Errorf("erased, but the files have it still: %w", err)
		}
	}
	return erased, nil
}

// rowsOfUser are the rows of the person, by run.
func rowsOfUser(ctx context.Context, tx pgx.Tx, user string) (map[int64][]int32, error) {
	rows, err := tx.Query(ctx, `
		WITH his AS (
			SELECT DISTINCT target FROM status_update
			WHERE lower(user_principal_name) = lower($1) OR EXISTS (SELECT FROM unnest(other) cell WHERE strpos(lower(cell), lower($1)) > 0)
		)
		SELECT u.run, u.row FROM status_update u JOIN his ON his.target = u.target
		UNION
		SELECT run, row FROM audit_event
		WHERE outcome <> 'erased' AND (
			strpos(lower(error), lower($1)) > 0
			OR strpos(lower(encode(request_body, 'escape')), lower(encode(convert_to($1, 'UTF8'), 'escape'))) > 0
			OR strpos(lower(encode(response_body, 'escape')), lower(encode(convert_to($1, 'UTF8'), 'escape'))) > 0)
		ORDER BY 1, 2`, user)
	if err != nil {
		return nil, err
	}
	found := map[int64][]int32{}
	var run int64
	var row int32
	_, err = pgx.ForEachRow(rows, []any{&run, &row}, func() error { found[run] = append(found[run], row); return nil })
	return found, err
}

// eraseRun erases in the rows of one run, and in their events.
func eraseRun(ctx context.Context, tx pgx.Tx, run int64, user string, rows []int32, actor, reason string, erased *Erased) error {
	// Whoever records events of the run waits from here on, so that nothing comes in behind what is read now.
	if _, err := tx.Exec(ctx, `SELECT FROM run_count WHERE run = $1 FOR UPDATE`, run); err != nil {
		return err
	}
	r, err := lockRun(ctx, tx, run, "FOR SHARE")
	if err != nil {
		return err
	}
	var flying bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM in_flight WHERE run = $1 AND row = ANY ($2))`, run, rows).Scan(&flying); err != nil {
		return err
	}
	if r.State == Planning || r.State == Running || r.State == Held || flying {
		return &EraseOpenError{Run: run, State: r.State}
	}
	of := map[int32]bool{}
	updates, err := eraseFrom(ctx, tx, "status_update", proof.PersonalUpdateColumns, run, rows, of)
	if err != nil {
		return err
	}
	events, err := eraseFrom(ctx, tx, "audit_event", proof.PersonalEventColumns, run, rows, of)
	if err != nil || updates+events == 0 {
		return err
	}
	// What its plan shows of them as examples of changes.
	if _, err := tx.Exec(ctx, `
		UPDATE plan SET changes = (
			SELECT coalesce(jsonb_agg(jsonb_set(change, '{examples}', coalesce((
				SELECT jsonb_agg(example) FROM jsonb_array_elements(change -> 'examples') example
				WHERE NOT (example ->> 'row')::integer = ANY ($2)), '[]'))), '[]')
			FROM jsonb_array_elements(changes) change)
		WHERE run = $1 AND changes <> '[]'`, run, rows); err != nil {
		return err
	}
	// The reason for which a run was held may repeat an answer.
	if _, err := tx.Exec(ctx, `UPDATE run SET reason = NULL WHERE id = $1 AND strpos(lower(reason), lower($2)) > 0`, run, user); err != nil {
		return err
	}
	erased.Runs++
	erased.Rows += updates
	erased.Events += events
	return vouch(ctx, tx, run, slices.Sorted(maps.Keys(of)), actor, reason)
}

// eraseFrom removes the personal values that there are from the rows of a run in a table, and puts their hash in their place.
// Those it changed are added to of.
func eraseFrom(ctx context.Context, tx pgx.Tx, table string, personal []string, run int64, rows []int32, of map[int32]bool) (int, error) {
	there, gone := make([]string, len(personal)), make([]string, len(personal))
	for i, column := range personal {
		there[i], gone[i] = column+" IS NOT NULL", column+" = NULL"
	}
	other := ""
	if table == "audit_event" {
		other = " AND outcome <> 'erased'"
	}
	// Of an event no key is known but where it lies; nothing moves it in this transaction before its own change.
	found, err := tx.Query(ctx, `
		SELECT row, tableoid, ctid, `+strings.Join(personal, ", ")+` FROM `+table+`
		WHERE run = $1 AND row = ANY ($2) AND erased IS NULL AND (`+strings.Join(there, " OR ")+`)`+other, inBinary, run, rows)
	if err != nil {
		return 0, err
	}
	var batch pgx.Batch
	var row int32
	var tableOID uint32
	var place pgtype.TID
	const places = 3
	targets := make([]any, places+len(personal))
	targets[0], targets[1], targets[2] = &row, &tableOID, &place
	_, err = pgx.ForEachRow(found, targets, func() error {
		values := found.RawValues()
		hash := proof.Personal(proof.AppendValues(nil, values[places:]))
		of[row] = true
		batch.Queue(`UPDATE `+table+` SET `+strings.Join(gone, ", ")+`, erased = $1 WHERE run = $2 AND tableoid = $3 AND ctid = $4`,
			hash[:], run, tableOID, place)
		return nil
	})
	if err != nil || batch.Len() == 0 {
		return 0, err
	}
	return batch.Len(), tx.SendBatch(ctx, &batch).Close()
}

// vouch records an event for each row that says that a person's values were removed.
func vouch(ctx context.Context, tx pgx.Tx, run int64, rows []int32, actor, reason string) error {
	inserted, err := tx.Query(ctx, `
		INSERT INTO audit_event (run, row, outcome, actor, error)
		SELECT $1, row, 'erased', nullif($3, ''), nullif($4, '') FROM unnest($2::integer[]) row
		RETURNING `+wholeEvent, inBinary, run, rows, clean(actor), clean(reason))
	if err != nil {
		return err
	}
	var l leaves
	var row int32
	var of int64
	_, err = pgx.ForEachRow(inserted, scanFirst(wholeEventColumns, &of, &row), func() error {
		l.add(row, eventLeaf(inserted.RawValues()))
		return nil
	})
	if err != nil {
		return err
	}
	_, err = extend(ctx, tx, run, &l)
	return err
}
