package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// Wish is a row that somebody wants to send, with the id its attempt will have.
type Wish struct {
	Row  *OpenRow
	ID   uuid.UUID
	asks userstatus.Properties
}

// Fate is what became of a Wish.
type Fate int

// The fates of a wish. The zero Fate is Busy.
const (
	Busy       Fate = iota // another update of the same target is in flight, or the run stands still: come again
	Claimed                // in flight: send Send, and record the answer
	Superseded             // nothing left that no newer update asks for; settled
	Settled                // somebody else has settled it
)

// Claim is a wish and its fate.
type Claim struct {
	Wish
	Fate Fate
	Send userstatus.Wanted // what to send: without the properties that newer updates ask for
	// Doubt says that it is not known what became of an earlier attempt, and that nobody has read the status since.
	Doubt bool
}

// Claim puts rows of one run in flight, before their requests leave. It returns a Claim for each wish, in their order,
// and the state of the run afterwards; of a run that is not running nothing is claimed.
//
// First lock, then look: the rows are locked by inserting them; only then, in a statement of its own with a younger
// snapshot, it is decided whether they may be sent. A single statement would decide on what it saw before it waited for
// a lock, and send an old value after a newer one.
func (l *Ledger) Claim(ctx context.Context, run Run, wishes []Wish) (claims []Claim, state State, err error) {
	claims = make([]Claim, len(wishes))
	byID := make(map[uuid.UUID]*Claim, len(wishes))
	for i, w := range wishes {
		w.asks = w.Row.Wanted.Asks()
		claims[i] = Claim{Wish: w}
		byID[w.ID] = &claims[i]
	}
	err = pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		var looked []look
		var changes []Change
		if looked, state, err = l.lockAndLook(ctx, tx, run, wishes); err != nil {
			return err
		}
		if changes, err = l.decide(ctx, tx, run, looked, byID); len(changes) > 0 {
			state = changes[0].State
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("claim rows of run %d: %w", run.ID, err)
	}
	return claims, state, nil
}

// look is what the second statement saw of a row that the first one locked.
type look struct {
	ID      uuid.UUID
	Settled bool
	Doubt   bool
	Newer   userstatus.Properties // asked for by newer updates of the target
	By      *int64                // the newest run among them
}

func (l *Ledger) lockAndLook(ctx context.Context, tx pgx.Tx, run Run, wishes []Wish) (looked []look, state State, err error) {
	keys, rows, ids := newUUIDs(len(wishes)), make([]int32, len(wishes)), newUUIDs(len(wishes))
	for i, w := range wishes {
		keys[i], rows[i], ids[i] = asUUID(w.Row.Key), w.Row.Row, asUUID(w.ID)
	}
	var batch pgx.Batch
	// Ordered by target, otherwise two claims wait for each other; the later row first, so that of two rows for one
	// target the one that wins is sent.
	batch.Queue(`
		INSERT INTO in_flight (target, run, row, client_request_id, worker)
		SELECT w.target, $1, w.row, w.id, $5
		FROM unnest($2::uuid[], $3::integer[], $4::uuid[]) AS w (target, row, id)
		WHERE EXISTS (SELECT FROM run WHERE id = $1 AND state = 'running')
		ORDER BY w.target, w.row DESC
		ON CONFLICT (target) DO NOTHING`, run.ID, keys, rows, ids, l.worker)
	// Newer: later in (run, row), and it will be sent, something of it may have reached Graph, or Graph was seen to have it
	// already. A planning, held or cancelled run supersedes nothing else; neither do the rows behind a canary's, nor one that
	// Graph rejected, that was itself superseded or is not sent for what was read.
	batch.Queue(`
		SELECT f.client_request_id, coalesce(own.settled, false),
		       coalesce(own.lost > coalesce(own.read, '-infinity'), false), coalesce(newer.asks, 0), newer.run
		FROM unnest($2::uuid[], $3::uuid[]) AS w (target, id)
		JOIN in_flight f ON f.target = w.target AND f.client_request_id = w.id
		LEFT JOIN LATERAL (
			SELECT bool_or(e.final) AS settled, max(e.recorded_at) FILTER (WHERE e.outcome = 'unknown') AS lost,
			       max(e.recorded_at) FILTER (WHERE e.method = 'GET' AND e.outcome <> 'throttled') AS read
			FROM audit_event e
			WHERE e.run = f.run AND e.row = f.row
		) own ON true
		LEFT JOIN LATERAL (
			SELECT bit_or(n.asks) AS asks, max(n.run) AS run
			FROM status_update n
			JOIN run r ON r.id = n.run
			JOIN run_count c ON c.run = n.run
			LEFT JOIN LATERAL (
				SELECT bool_or(e.final AND e.outcome IN ('rejected', 'superseded', 'moved', 'missing')) AS dropped,
				       bool_or(e.method IS DISTINCT FROM 'GET' AND e.outcome IN ('applied', 'failed', 'transient', 'unknown')
				               OR e.final AND e.outcome = 'unchanged') AS reached
				FROM audit_event e
				WHERE e.run = n.run AND e.row = n.row
			) past ON true
			WHERE (SELECT $4 OR EXISTS (SELECT FROM run other WHERE other.tenant = $5 AND other.id > $1))
			  AND n.target = f.target AND n.run >= $1 AND (n.run, n.row) > (f.run, f.row)
			  AND (past.reached OR r.state IN ('running', 'finished') AND past.dropped IS NOT TRUE AND n.row <= coalesce(c.canary_rows, n.row))
		) newer ON true`, run.ID, keys, ids, run.Options.Duplicates, run.Tenant)
	batch.Queue(`SELECT state FROM run WHERE id = $1`, run.ID)

	results := tx.SendBatch(ctx, &batch)
	defer func() { err = cmp.Or(err, results.Close()) }()
	if _, err := results.Exec(); err != nil {
		return nil, "", fmt.Errorf("lock: %w", err)
	}
	found, err := results.Query()
	if err != nil {
		return nil, "", fmt.Errorf("look: %w", err)
	}
	if looked, err = pgx.CollectRows(found, pgx.RowToStructByPos[look]); err != nil {
		return nil, "", fmt.Errorf("look: %w", err)
	}
	if err := results.QueryRow().Scan(&state); err != nil {
		return nil, "", fmt.Errorf("read the run's state: %w", err)
	}
	return looked, state, nil
}

// decide takes out again what must not be sent, with its event, and fills in the fate of what was locked.
func (l *Ledger) decide(ctx context.Context, tx pgx.Tx, run Run, looked []look, byID map[uuid.UUID]*Claim) (changes []Change, err error) {
	var events []Event
	var settled []Event
	for _, k := range looked {
		c := byID[k.ID]
		left := c.asks &^ k.Newer
		switch {
		case k.Settled:
			c.Fate = Settled
			settled = append(settled, Event{Run: run.ID, Row: c.Row.Row, Key: c.Row.Key, ID: k.ID})
		case left == 0:
			c.Fate = Superseded
			events = append(events, Event{
				Run: run.ID, Row: c.Row.Row, Key: c.Row.Key, ID: k.ID, Outcome: "superseded", Settles: "superseded",
				Error: fmt.Sprintf("run %d asks for the same status since", *k.By),
			})
		default:
			c.Fate, c.Send, c.Doubt = Claimed, c.Row.Wanted.Only(left), k.Doubt
		}
	}
	if err := unclaim(ctx, tx, settled); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	_, changes, err = l.record(ctx, tx, events)
	return changes, err
}

// Unclaim takes rows out of flight whose requests never left.
func (l *Ledger) Unclaim(ctx context.Context, claims []Claim) error {
	events := make([]Event, len(claims))
	for i, c := range claims {
		events[i] = Event{Key: c.Row.Key, ID: c.ID}
	}
	if err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error { return unclaim(ctx, tx, events) }); err != nil {
		return fmt.Errorf("take rows out of flight: %w", err)
	}
	return nil
}

func unclaim(ctx context.Context, tx pgx.Tx, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	keys, ids := newUUIDs(len(events)), newUUIDs(len(events))
	for i, e := range events {
		keys[i], ids[i] = asUUID(e.Key), asUUID(e.ID)
	}
	_, err := tx.Exec(ctx, `
		DELETE FROM in_flight f USING unnest($1::uuid[], $2::uuid[]) AS w (target, id)
		WHERE f.target = w.target AND f.client_request_id = w.id`, keys, ids)
	return err
}

// TakeOver turns claims older than the lease into events of unknown answer, so that their rows can be sent again. It
// returns how many there were. Rows that somebody is recording at this moment are left to them.
func (l *Ledger) TakeOver(ctx context.Context) (int, error) {
	var taken int
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH old AS (
				SELECT target, client_request_id FROM in_flight
				WHERE since < clock_timestamp() - make_interval(secs => $1)
				ORDER BY target FOR UPDATE SKIP LOCKED
			), gone AS (
				DELETE FROM in_flight f USING old
				WHERE f.target = old.target AND f.client_request_id = old.client_request_id
				RETURNING f.*
			)
			INSERT INTO audit_event (run, row, outcome, sent_at, client_request_id, worker, error)
			SELECT run, row, 'unknown', since, client_request_id, worker,
			       'put in flight, and no answer was recorded within ' || $1 || ' s: the worker may have died'
			FROM gone
			RETURNING `+wholeEvent, inBinary, int(Lease.Seconds()))
		if err != nil {
			return err
		}
		counts := map[int64]*tally{}
		var run int64
		var row int32
		tag, err := pgx.ForEachRow(rows, scanFirst(wholeEventColumns, &run, &row), func() error {
			t := tallyOf(counts, run)
			t.add("unknown")
			t.leaves.add(row, eventLeaf(rows.RawValues()))
			return nil
		})
		if err != nil {
			return err
		}
		taken = int(tag.RowsAffected())
		_, err = l.bump(ctx, tx, counts)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take over what was left in flight: %w", err)
	}
	return taken, nil
}

// sortedRuns is the order in which counts are bumped: everywhere the same.
func sortedRuns(counts map[int64]*tally) []int64 {
	runs := make([]int64, 0, len(counts))
	for run := range counts {
		runs = append(runs, run)
	}
	slices.Sort(runs)
	return runs
}
