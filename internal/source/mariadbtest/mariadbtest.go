//go:build unix

// Package mariadbtest gives a test a MariaDB server of its own, from the programs installed on this machine. Where none are
// installed the test is skipped, and says so.
//
// It never touches a server that it did not start, and what it starts ends with the test's process, however that ends.
package mariadbtest

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Server is a running server.
type Server struct {
	dir  string
	port int
	root *sql.DB
}

// patience is for a start on a machine that is busy with other tests.
const patience = 2 * time.Minute

// Start starts a server for a test and ends it with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	install, server := find("mariadb-install-db"), find("mariadbd")
	if install == "" || server == "" {
		t.Skip("MariaDB is not installed, so nothing was tested with it: scripts/ensure-mariadb installs it")
	}
	dir, err := os.MkdirTemp("", "mariadb-") //nolint:usetesting // the test's own folder is too deep for a socket, and closed to other accounts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{dir: dir, port: freePort(t)}
	if err := s.begin(t, install, server); err != nil {
		t.Fatalf("a MariaDB server for the test: %v", err)
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.MultiStatements = "root", "unix", s.Socket(), true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.root = sql.OpenDB(connector)
	t.Cleanup(func() { _ = s.root.Close() })
	return s
}

// find looks where distributions put a server's programs.
func find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin"} {
		if path := filepath.Join(dir, program); isFile(path) {
			return path
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func freePort(t testing.TB) int {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(port)
	return n
}

func (s *Server) begin(t testing.TB, install, server string) error {
	who, err := account(s.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	data := filepath.Join(s.dir, "data")
	setup := exec.CommandContext(ctx, install, "--no-defaults", "--datadir="+data, "--tmpdir="+s.dir, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M")
	setup.SysProcAttr, setup.Dir = who, s.dir
	if out, err := setup.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	// The shell ends the server when its standard input does: with the test, or with the test's process. Then nobody else is there
	// to take its folder away.
	run := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", `"$@" & server=$!; read -r end; kill "$server"; wait "$server"; rm -rf "$0"`, s.dir, server,
		"--no-defaults", "--datadir="+data, "--tmpdir="+s.dir, "--socket="+s.Socket(), "--pid-file="+filepath.Join(s.dir, "pid"),
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.port), "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
		"--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M", "--performance-schema=OFF")
	run.SysProcAttr, run.Dir = who, s.dir
	hold, err := run.StdinPipe()
	if err != nil {
		return err
	}
	said, err := run.StderrPipe()
	if err != nil {
		return err
	}
	if err := run.Start(); err != nil {
		return err
	}
	ready, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		follow(said, ready)
	}()
	t.Cleanup(func() {
		_ = hold.Close()
		<-ended
		_ = run.Wait() // the shell tells how the server was ended: by us
	})
	select {
	case err := <-ready:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow reads what the server says, and tells when it can be used or cannot.
func follow(said io.Reader, ready chan<- error) {
	var last []string
	told := false
	tell := func(err error) {
		if !told {
			ready <- err
		}
		told = true
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		last = append(last[max(0, len(last)-10):], lines.Text())
		switch {
		case strings.Contains(lines.Text(), "ready for connections"):
			tell(nil)
		case strings.Contains(lines.Text(), "Aborting"):
			tell(fmt.Errorf("it did not start:\n%s", strings.Join(last, "\n")))
		}
	}
	tell(fmt.Errorf("it ended:\n%s", strings.Join(last, "\n")))
}

// Socket is where the server listens on this machine.
func (s *Server) Socket() string { return filepath.Join(s.dir, "socket") }

// Exec does something as root; statements are separated by semicolons.
func (s *Server) Exec(t testing.TB, statements string) {
	t.Helper()
	if _, err := s.root.ExecContext(t.Context(), statements); err != nil {
		t.Fatalf("%v\n%.500s", err, statements)
	}
}

// Count asks something as root that has one number for an answer.
func (s *Server) Count(t testing.TB, query string) (n int) {
	t.Helper()
	if err := s.root.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%v\n%.500s", err, query)
	}
	return n
}

// URL is the address of a database over TCP.
func (s *Server) URL(user, password, database string) string {
	u := url.URL{Scheme: "mysql", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, User: url.UserPassword(user, password)}
	return u.String()
}
