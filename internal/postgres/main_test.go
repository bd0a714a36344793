//go:build unix && !aix && !solaris

package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// TestMain runs the tests, or is one of the other processes of a test.
func TestMain(m *testing.M) {
	switch os.Getenv("POSTGRES_TEST_PART") {
	case "user":
		playUser(os.Getenv("POSTGRES_TEST_ARG"))
	case "stranger":
		playStranger(os.Getenv("POSTGRES_TEST_ARG"))
	default:
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
			seed.remove()
			os.Exit(code)
		}))
	}
}

// playUser uses the server of a root until its standard input ends.
func playUser(root string) {
	ctx := context.Background()
	db, err := Open(ctx, Config{DataDir: root, Settings: hasty})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	if err := db.Close(ctx); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("closed")
}

// playStranger tells what comes of a connection.
func playStranger(address string) {
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		fmt.Println("refused:", strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	conn.Close(context.Background())
	fmt.Println("connected")
}

// part is another process of a test.
type part struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func play(t *testing.T, role, arg string, edit func(*exec.Cmd)) *part {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "POSTGRES_TEST_PART="+role, "POSTGRES_TEST_ARG="+arg,
		"GORACE=atexit_sleep_ms=0") // the race detector would sleep a second at each exit
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if edit != nil {
		edit(cmd)
	}
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &part{t: t, cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	t.Cleanup(p.kill)
	return p
}

// userOf starts a process that uses the server of a root.
func userOf(t *testing.T, root string) *part { return play(t, "user", root, nil) }

// says waits for the part's next line.
func (p *part) says(want string) {
	p.t.Helper()
	p.lines.Scan()
	if got := p.lines.Text(); got != want {
		p.t.Fatalf("the other process says %q, want %q", got, want)
	}
}

func (p *part) leaves() {
	p.t.Helper()
	p.stdin.Close()
	p.says("closed")
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *part) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// hasty are settings for a server whose data nobody needs.
var hasty = map[string]string{"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}

// seed is one initialised root, from which the tests' roots are copied because
// initdb takes a second or two.
var seed seedRoot

type seedRoot struct {
	once sync.Once
	dir  string
	err  error
}

func (s *seedRoot) get() (string, error) {
	s.once.Do(func() {
		if s.dir, s.err = os.MkdirTemp("", "graphpatch-seed-"); s.err != nil {
			return
		}
		if s.err = os.Chmod(s.dir, 0o711); s.err != nil {
			return
		}
		ctx := context.Background()
		var db *Database
		if db, s.err = Open(ctx, Config{DataDir: filepath.Join(s.dir, "root"), Settings: hasty}); s.err == nil {
			s.err = db.Close(ctx)
		}
	})
	return filepath.Join(s.dir, "root"), s.err
}

func (s *seedRoot) remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// emptyRoot is the path of a root that does not exist yet, in a folder the
// server's account can pass through. What runs there ends with the test.
func emptyRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "r")
	t.Cleanup(func() { endServer(t, root) })
	return root
}

// madeRoot is a root with data, whose server does not run.
func madeRoot(t *testing.T) string {
	t.Helper()
	from, err := seed.get()
	if err != nil {
		t.Fatal(err)
	}
	root := emptyRoot(t)
	if out, err := exec.Command("cp", "-a", from, root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return root
}

func open(t *testing.T, root string) *Database {
	t.Helper()
	db, err := Open(t.Context(), Config{DataDir: root, Settings: hasty})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDatabase(t, db) })
	return db
}

func closeDatabase(t *testing.T, db *Database) {
	t.Helper()
	if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func clusterOf(t *testing.T, root string) *cluster {
	t.Helper()
	who, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{root: root, account: who}
}

// serverOf returns the process that serves a root, 0 for none.
func serverOf(t *testing.T, root string) int {
	t.Helper()
	if pid, alive := clusterOf(t, root).postmaster(context.WithoutCancel(t.Context())); alive {
		return pid
	}
	return 0
}

func endServer(t *testing.T, root string) {
	if pid := serverOf(t, root); pid != 0 {
		t.Errorf("process %d still serves %s", pid, root)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		clusterOf(t, root).stop(ctx)
	}
}

// answers checks that a database can be used.
func answers(t *testing.T, db *Database) {
	t.Helper()
	conn, err := connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}
