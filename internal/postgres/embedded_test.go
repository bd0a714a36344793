//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFirstStartsLastStops(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	first := userOf(t, root)
	first.says("ready")
	pid := serverOf(t, root)
	second := userOf(t, root)
	second.says("ready")
	third := open(t, root)

	first.leaves()
	answers(t, third)
	closeDatabase(t, third)
	if got := serverOf(t, root); got != pid || pid == 0 {
		t.Errorf("server %d, want %d, which the first process started", got, pid)
	}
	second.leaves()
	if got := serverOf(t, root); got != 0 {
		t.Errorf("server %d after the last user left", got)
	}
}

// Who only joins starts nothing and makes nothing, before the first start and after the last end.
func TestOnlyRunning(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	missing := filepath.Join(root, "nowhere")
	join := func(dir string) (*Database, error) {
		return Open(t.Context(), Config{DataDir: dir, OnlyRunning: true})
	}
	for _, dir := range []string{missing, root} {
		if _, err := join(dir); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: got %v", dir, err)
		}
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) || serverOf(t, root) != 0 {
		t.Errorf("something was made: %v", err)
	}
	first := userOf(t, root)
	first.says("ready")
	joined, err := join(root)
	if err != nil {
		t.Fatal(err)
	}
	answers(t, joined)
	closeDatabase(t, joined)
	first.leaves()
	if _, err := join(root); !errors.Is(err, ErrNotRunning) || serverOf(t, root) != 0 {
		t.Errorf("after the last user left: got %v", err)
	}
}

func TestTwoAtOnceInAnEmptyRoot(t *testing.T) {
	t.Parallel()
	root := emptyRoot(t)
	// What an initdb that was killed leaves behind, with the password it had.
	half := filepath.Join(root, "init-1", "data")
	if err := os.MkdirAll(half, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(root, 0o711),
		os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600),
		os.WriteFile(filepath.Join(root, "password"), []byte("of the attempt"), 0o600)); err != nil {
		t.Fatal(err)
	}

	one, other := userOf(t, root), userOf(t, root)
	one.says("ready")
	other.says("ready")
	if left, _ := filepath.Glob(filepath.Join(root, "init-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	one.leaves()
	if serverOf(t, root) == 0 {
		t.Error("the one who left stopped the other's server")
	}
	other.leaves()
}

func TestStarterKilled(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	starter := userOf(t, root)
	starter.says("ready")
	pid := serverOf(t, root)
	db := open(t, root)
	starter.kill()
	answers(t, db)
	closeDatabase(t, db)
	if got := serverOf(t, root); got != 0 {
		t.Errorf("server %d after the last user left", got)
	}

	lonely := userOf(t, root)
	lonely.says("ready")
	if pid == serverOf(t, root) {
		t.Error("the server was not started again")
	}
	lonely.kill()
	closeDatabase(t, open(t, root))
	if got := serverOf(t, root); got != 0 {
		t.Errorf("server %d: a killed process counts as its user", got)
	}
}

func TestInterruptReachesOnlyTheStarter(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	starter := userOf(t, root)
	starter.says("ready")
	db := open(t, root)
	pid := serverOf(t, root)
	// What a terminal does on Ctrl-C.
	if err := syscall.Kill(-starter.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	starter.cmd.Wait()
	answers(t, db)
	if got := serverOf(t, root); got != pid {
		t.Errorf("server %d, want %d", got, pid)
	}
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	before := open(t, root)
	pid := serverOf(t, root)
	stopWork := keepBusy(t, before)
	defer stopWork()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	after := open(t, root)
	if got := serverOf(t, root); got == pid || got == 0 {
		t.Errorf("server %d after %d was killed", got, pid)
	}
	answers(t, before)
	closeDatabase(t, after)
	answers(t, before)
}

// keepBusy has a process of the server compute for a second. Nothing tells
// such a process that its server is dead, and it keeps the shared memory.
func keepBusy(t *testing.T, db *Database) (wait func()) {
	t.Helper()
	conn, err := connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	const work = `DO $$ DECLARE stop timestamptz := clock_timestamp() + '1 s';
		BEGIN PERFORM pg_advisory_lock(1); WHILE clock_timestamp() < stop LOOP END LOOP; END $$`
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn.Exec(t.Context(), work) // broken off, or not
		conn.Close(t.Context())
	}()
	watch, err := connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close(t.Context())
	for begun := false; !begun; {
		const query = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')`
		if err := watch.QueryRow(t.Context(), query).Scan(&begun); err != nil {
			t.Fatal(err)
		}
	}
	return func() { <-done }
}

// TestNumberReused is the morning after a power failure: the old server's
// number belongs to some other process of the same account.
func TestNumberReused(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	c := clusterOf(t, root)
	bystander := exec.Command("sleep", "60")
	bystander.Dir = "/"
	bystander.SysProcAttr = c.account.attributes()
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(bystander.Process.Signal(syscall.Signal(0)), bystander.Process.Kill()); err != nil {
			t.Error("the bystander was hurt:", err)
		}
		bystander.Wait()
	}()
	number := []byte(strconv.Itoa(bystander.Process.Pid) + "\n" + c.data() + "\n")
	for _, file := range []string{filepath.Join(c.data(), "postmaster.pid"), c.path("socket/" + socketFile + ".lock")} {
		if err := errors.Join(os.WriteFile(file, number, 0o600), c.account.give(file)); err != nil {
			t.Fatal(err)
		}
	}
	answers(t, open(t, root))
}

func TestContextEndsTheWait(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	guard, err := lockExclusive(t.Context(), filepath.Join(root, "start.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer guard.unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, Config{DataDir: root}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// TestContextEndsTheStart ends the context at many moments after the server
// was launched. None may leave a process behind, not even one that has only
// begun and cannot be found yet.
func TestContextEndsTheStart(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	for _, late := range []time.Duration{0, 3, 6, 12, 25, 50, 100} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			awaitNewLog(t, root)
			pause(t.Context(), late*time.Millisecond)
		}()
		db, err := Open(ctx, Config{DataDir: root, Settings: hasty})
		if err == nil {
			closeDatabase(t, db)
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("%d ms after the launch: %v", late, err)
		}
		if left := processesOf(t, root); left != "" {
			t.Errorf("%d ms after the launch, left over: %s", late, left)
		}
		<-ctx.Done()
	}
	answers(t, open(t, root))
}

// awaitNewLog returns when a start has begun its log, just before the launch.
func awaitNewLog(t *testing.T, root string) {
	log := filepath.Join(root, "server.log")
	before, err := os.Stat(log)
	for err == nil {
		now, statErr := os.Stat(log)
		if statErr == nil && !os.SameFile(before, now) || pause(t.Context(), time.Millisecond) != nil {
			return
		}
	}
}

// processesOf lists the processes whose command line names a root.
func processesOf(t *testing.T, root string) string {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "pid,args").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, root) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}
