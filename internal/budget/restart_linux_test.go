package budget_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres"
)

// ownServer is a database server that a test may kill.
type ownServer struct {
	t   *testing.T
	cfg postgres.Config
}

func newServer(t *testing.T) *ownServer {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	return &ownServer{t: t, cfg: postgres.Config{
		DataDir:  filepath.Join(dir, "r"),
		Settings: map[string]string{"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"},
	}}
}

func (s *ownServer) open() *postgres.Database {
	s.t.Helper()
	db, err := postgres.Open(s.t.Context(), s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.close(db) })
	return db
}

func (s *ownServer) close(db *postgres.Database) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), time.Minute)
	defer cancel()
	if err := db.Close(ctx); err != nil {
		s.t.Error(err)
	}
}

func (s *ownServer) crashed(db *postgres.Database) (crashed bool) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), db.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(s.t.Context())
	if err := conn.QueryRow(s.t.Context(), `SELECT budget_crashed()`).Scan(&crashed); err != nil {
		s.t.Fatal(err)
	}
	return crashed
}

// crash ends the server as a fault would: nothing that was not written is.
func (s *ownServer) crash() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.cfg.DataDir, "data", "postmaster.pid"))
	if err != nil {
		s.t.Fatal(err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		s.t.Fatal(err)
	}
}

// TestDatabaseCrashes tells that the processes wait for the database, that the budget begins again on the safe side, and
// that they then go on by themselves.
func TestDatabaseCrashes(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	db := server.open()
	if _, _, err := postgres.Migrate(t.Context(), db.URL); err != nil {
		t.Fatal(err)
	}
	// Stopped in order, nothing is lost, and nobody has to wait, however soon it is there again.
	for range 3 {
		server.close(db)
		db = server.open()
		if server.crashed(db) {
			t.Error("a server that was stopped in order is said to have crashed")
		}
	}
	one := sender(db.URL, uuid.New())
	parts := startAll(t, one, one)
	pass(t, 2*time.Second)
	server.crash()
	crashed := bootTime()
	pass(t, time.Second)
	if !server.crashed(server.open()) {
		t.Error("a crash goes unnoticed")
	}
	started := bootTime()
	pass(t, 12*time.Second)
	ended := bootTime()
	accounts := endAll(t, parts)
	checkWindow(t, accounts, "100/2s")
	sent, _ := merge(accounts)
	if n := (span{0, crashed}).count(sent); n < 30 {
		t.Errorf("only %d sent before the crash", n)
	}
	if n := (span{crashed + 1000e6, started + 8000e6}).count(sent); n > 0 {
		t.Errorf("%d sent while it was not known what had been lost", n)
	}
	if n := (span{started + 8000e6, ended}).count(sent); n < 30 {
		t.Errorf("only %d sent afterwards", n)
	}
	for i, a := range accounts {
		if a.Errors == 0 || a.Errors > 500 {
			t.Errorf("process %d was told %d times that there is no database", i, a.Errors)
		}
	}
}
