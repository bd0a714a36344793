package source

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/source/mariadbtest"
)

// errEnded is why a test ends a query.
var errEnded = errors.New("the user does not want it any more")

// checkEnded wants that whoever ends a query that is still at work gets his own reason back, and that the server is rid of the
// query. working counts those at work there.
func checkEnded(t *testing.T, cfg QueryConfig, working func() int) {
	t.Helper()
	ctx, end := context.WithCancelCause(t.Context())
	fetched := make(chan error, 1)
	go func() {
		_, err := Fetch(ctx, cfg)
		fetched <- err
	}()
	for working() == 0 {
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
	for working() > 0 { // the test's own time limit ends it
		runtime.Gosched()
	}
	if left, err := os.ReadDir(cfg.TempDir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestEndedQueryIsEndedOnPostgres(t *testing.T) {
	db := pgtest.New(t)
	conn := db.Conn(t)
	checkEnded(t, asking(t, db.URL, `SELECT pg_sleep(600), 'the one that sleeps'`), func() (n int) {
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND query LIKE '%the one that sleeps%' AND state = 'active' AND wait_event = 'PgSleep'`, pgx.QueryExecModeExec).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	})
}

func mariadbEnded(t *testing.T, server *mariadbtest.Server, address string) {
	// It sends nothing until its end, and so would not notice that nobody listens.
	checkEnded(t, asking(t, address, `SELECT benchmark(100000000000, md5('the one that works'))`), func() int {
		return server.Count(t, `SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT benchmark%'`)
	})
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
	if err := r.keep(ctx, &QueryConfig{TempDir: t.TempDir()}, rows); !errors.Is(err, errEnded) || rows.rows != 3 {
		t.Errorf("got %v after %d rows", err, rows.rows)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
