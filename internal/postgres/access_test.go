//go:build unix && !aix && !solaris

package postgres

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// reachableProgram copies this test to where other users can run it.
func reachableProgram(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "stranger")
	if out, err := exec.Command("cp", program, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return copied
}

// asNobody tells what a process of another user gets from an address.
func asNobody(t *testing.T, program, address string) string {
	t.Helper()
	p := play(t, "stranger", address, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir = program, "/"
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	})
	p.lines.Scan()
	p.stdin.Close()
	p.cmd.Wait()
	return p.lines.Text()
}

func TestNobodyElseGetsIn(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	program := reachableProgram(t)
	root := madeRoot(t)
	db := open(t, root)
	c := clusterOf(t, root)
	if got := asNobody(t, program, db.URL); !strings.Contains(got, "permission denied") {
		t.Errorf("at the closed socket, with the password: %s", got)
	}

	socket := c.path("socket/" + socketFile)
	if err := errors.Join(os.Chmod(c.path("socket"), 0o755), os.Chmod(socket, 0o777)); err != nil {
		t.Fatal(err)
	}
	if got := asNobody(t, program, db.URL); got != "connected" {
		t.Fatalf("at the opened socket, with the password: %s", got)
	}
	for _, login := range []*url.Userinfo{
		url.User(role),
		url.UserPassword(role, ""),
		url.UserPassword(role, "guess"),
		url.User("nobody"),
		url.User("postgres"),
	} {
		address, err := url.Parse(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		address.User = login
		if got := asNobody(t, program, address.String()); !strings.Contains(got, "28P01") {
			t.Errorf("at the opened socket, as %s: %s", login, got)
		}
	}
}

func TestWhatLiesInTheRootIsPrivate(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	open(t, root)
	for name, want := range map[string]os.FileMode{
		"password": 0o600, "start.lock": 0o600, "users.lock": 0o600, "server.log": 0o600,
		"data": 0o700, "socket": 0o700,
	} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", name, got, want)
		}
	}
	info, err := os.Stat(filepath.Join(root, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != os.Geteuid() {
		t.Errorf("the password belongs to user %d", got)
	}
}

func TestFolderThatOthersMayWriteIn(t *testing.T) {
	t.Parallel()
	refused := func(what, dir string) {
		_, err := Open(t.Context(), Config{DataDir: dir})
		if open, ok := errors.AsType[*OpenError](err); !ok || open.Dir != dir || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want an *OpenError", what, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %v was made (%v)", what, left, err)
		}
	}
	for _, mode := range []os.FileMode{0o777, 0o775, 0o777 | os.ModeSticky} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		refused(mode.String(), dir)
	}
	if os.Geteuid() != 0 {
		return // only root can make a folder another user's
	}
	theirs := t.TempDir()
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	refused("another user's", theirs)
}

func TestFolderTheServerCannotPass(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root's server runs as somebody else")
	}
	shut := filepath.Join(t.TempDir(), "shut")
	if err := errors.Join(os.Chmod(filepath.Dir(filepath.Dir(shut)), 0o711), os.Mkdir(shut, 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{DataDir: filepath.Join(shut, "a", "b")})
	fault, ok := errors.AsType[*UnreachableError](err)
	if !ok || fault.Dir != shut || !strings.Contains(err.Error(), shut) {
		t.Errorf("got %v, want an *UnreachableError for %s", err, shut)
	}
}
