package source

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres/pgtest"
)

// errEnded is why a test ends a query.
var errEnded = errors.New("the user does not want it any more")

// Whoever ends a query that is still at work gets his own reason back at once, and the server is rid of the query.
func TestEndedQueryIsEndedOnTheServer(t *testing.T) {
	db := pgtest.New(t)
	conn := db.Conn(t)
	cfg := asking(t, db.URL, `SELECT pg_sleep(600), 'the one that sleeps'`)
	ctx, end := context.WithCancelCause(t.Context())
	fetched := make(chan error, 1)
	go func() {
		_, err := Fetch(ctx, cfg)
		fetched <- err
	}()
	asleep := func() (n int) {
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND query LIKE '%the one that sleeps%' AND state = 'active' AND wait_event = 'PgSleep'`, pgx.QueryExecModeExec).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for asleep() == 0 {
		select {
		case err := <-fetched:
			t.Fatalf("it ended by itself: %v", err)
		default:
		}
	}
	end(errEnded)
	if err := <-fetched; !errors.Is(err, errEnded) {
		t.Errorf("got %v, want the caller's reason", err)
	}
	for asleep() > 0 {
	}
	if left, err := os.ReadDir(cfg.TempDir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// endedResults ends its caller's context with the third row.
type endedResults struct {
	end  context.CancelCauseFunc
	rows int
}

func (e *endedResults) columns() []column { return []column{{name: "id"}} }
func (e *endedResults) close() error      { return nil }
func (e *endedResults) next() ([]string, error) {
	if e.rows++; e.rows == 3 {
		e.end(errEnded)
	}
	return []string{"s"}, nil
}

func TestEndBetweenTwoRows(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	rows := &endedResults{end: end}
	r := &Result{}
	if err := r.keep(ctx, t.TempDir(), rows); !errors.Is(err, errEnded) || rows.rows != 3 {
		t.Errorf("got %v after %d rows", err, rows.rows)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
