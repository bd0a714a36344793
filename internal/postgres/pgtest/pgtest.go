// Package pgtest gives each test a fresh, fully migrated database, on a private
// server kept for tests or on the one that GRAPHPATCH_TEST_DATABASE_URL names.
//
// The private server may lose its data at a power failure and is never used
// for anything else. River's tables are not in these databases.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"
)

// DB is a database of one test.
type DB struct {
	// URL is for pgx, and for the programs under test.
	URL string
	// Name is the database's name on its server.
	Name string
}

// patience is for everything around one test's database. Many packages' tests
// may share a server and a few cores.
const patience = 2 * time.Minute

// New makes a database for a test and drops it, whoever is still connected,
// when the test ends. Without an installed PostgreSQL the test fails and says
// how to install one.
func New(t testing.TB) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := shared.join(ctx)
	if err != nil {
		t.Fatalf("a database for the test: %v", err)
	}
	t.Cleanup(func() { atEnd(t, shared.leave) })
	name, err := server.create(ctx)
	if err != nil {
		t.Fatalf("a database for the test: %v", err)
	}
	t.Cleanup(func() {
		atEnd(t, func(ctx context.Context) error { return server.drop(ctx, name) })
	})
	return &DB{URL: server.address(name), Name: name}
}

// Pool opens a pool on the database and closes it when the test ends.
func (db *DB) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), db.URL)
	if err != nil {
		t.Fatalf("pool: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Conn opens a connection to the database and closes it when the test ends.
func (db *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { atEnd(t, conn.Close) })
	return conn
}

// Main is a package's TestMain: it keeps the server for all the package's
// tests, otherwise each test that is alone would start and stop it, and fails
// the package when goroutines are left over.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	shared.hold()
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := shared.release(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code // a test that failed may well leave a goroutine
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: goroutines are left over: %v\n", err)
		return 1
	}
	return 0
}

// atEnd runs a step of cleaning up; the test's own context has ended by then.
func atEnd(t testing.TB, step func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := step(ctx); err != nil {
		t.Errorf("clean up: %v", err)
	}
}
