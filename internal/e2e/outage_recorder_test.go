package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Answers cannot be written down, although everything else works: somebody has locked the events, and then the database
// refuses each. The worker stops sending, says why, and goes on when they can.
func recorderCannotCommit(t *testing.T) {
	const rows = 1500
	k, db := newTestKit(t)
	root := k.simulator("--latency=50ms")
	k.env["GRAPH_WRITE_LIMIT"] = "4000/20s"
	w := k.working(1)[0]
	run := k.enqueue(rows)
	k.settled(run, 100)
	conn := db.Conn(t)

	k.changes(conn, `BEGIN; LOCK TABLE audit_event IN SHARE ROW EXCLUSIVE MODE`)
	k.standsStill(w, root, "it takes too long", 1)
	k.changes(conn, `ROLLBACK`)
	k.settled(run, 100+query[int](k, `SELECT settled FROM run_count WHERE run = $1`, run))

	k.changes(conn, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse()`)
	k.standsStill(w, root, "not today", 2)
	k.changes(conn, `DROP FUNCTION refuse CASCADE`)
	k.settled(run, rows)
	k.until("it is said that answers are recorded again", func() bool {
		return strings.Count(w.stderr.String(), "answers are recorded again") >= 2
	})
	checkBooks(k, root, run, rows)
	if lines := errorLines(w); len(lines) > 6 {
		t.Errorf("%d lines of errors:\n%s", len(lines), w.stderr)
	}
}

// changes executes statements that need the events for themselves, once more when the server ends them for the sake of others that
// hold what they want and want what they hold.
func (k *kit) changes(conn *pgx.Conn, sql string) {
	k.tb.Helper()
	k.until("the tables are free", func() bool {
		_, err := conn.Exec(k.tb.Context(), sql)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "40P01" {
			_, err = conn.Exec(k.tb.Context(), `ROLLBACK`)
			if err == nil {
				return false
			}
		}
		if err != nil {
			k.tb.Fatal(err)
		}
		return true
	})
}

// standsStill waits until the worker says for that reason, for the n-th time, that nothing can be recorded, and makes sure
// that it sends nothing then but what it had claimed.
func (k *kit) standsStill(w *process, root, why string, n int) {
	k.tb.Helper()
	k.until("the worker says that nothing can be recorded", func() bool {
		log := w.stderr.String()
		return strings.Count(log, "answers cannot be recorded: nothing is sent until they can") >= n && strings.Contains(log, why)
	})
	flying, sent := k.flying(), 0
	k.until("what was claimed has been sent", func() bool {
		before := sent
		sent = len(patches(k, root))
		k.pass(time.Second)
		return sent == before
	})
	recorded := query[int](k, `SELECT count(*) FROM audit_event WHERE method = 'PATCH'`)
	// Each of the three slices may have been claiming a block of a hundred just then.
	after := k.flying()
	if after > flying+300 {
		k.tb.Errorf("%d rows in flight became %d while nothing could be recorded", flying, after)
	}
	if sent > recorded+after {
		k.tb.Errorf("%d were sent, but only %d recorded and %d claimed", sent, recorded, after)
	}
}

func (k *kit) flying() int { return query[int](k, `SELECT count(*) FROM in_flight`) }
