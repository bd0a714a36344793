package console

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func well(context.Context) error { return nil }

// socketPath is a path in a folder that everybody may pass through, so that only the socket's own mode is in the way.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "graphpatch-console-") //nolint:usetesting // the test's own folder may be closed, and too deep for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "worker.sock")
}

func overSocket(t *testing.T, path string) (string, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://worker/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestSocket(t *testing.T) {
	path := socketPath(t)
	s, err := Listen(t.Context(), "unix:"+path, well)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := overSocket(t, path); body != "ok\n" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 600", info.Mode(), err)
	}
	if _, err := Listen(t.Context(), "unix:"+path, well); err == nil || !strings.Contains(err.Error(), "another process answers") {
		t.Errorf("a second one: %v", err)
	}
	s.Close()
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// A killed worker leaves its socket; the next one takes the place. Anything else there is somebody's.
func TestSocketOfTheDead(t *testing.T) {
	path := socketPath(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	s, err := Listen(t.Context(), "unix:"+path, well)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := overSocket(t, path); body != "ok\n" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	s.Close()
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), "unix:"+path, well); err == nil {
		t.Error("a file was taken for a socket")
	}
	if text, err := os.ReadFile(path); string(text) != "mine" || err != nil {
		t.Errorf("the file is %q (%v)", text, err)
	}
}

// The test's program, run by another user, is the stranger.
func TestStranger(t *testing.T) {
	path := os.Getenv("STRANGER_AT")
	if path == "" {
		t.Skip("plays the stranger of another test")
	}
	if _, err := overSocket(t, path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyElseGetsIn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	path := socketPath(t)
	s, err := Listen(t.Context(), "unix:"+path, well)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(path), "stranger")
	if out, err := exec.Command("cp", self, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	stranger := exec.CommandContext(t.Context(), program, "-test.run=^TestStranger$", "-test.v")
	stranger.Env, stranger.Dir = []string{"STRANGER_AT=" + path}, "/"
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := stranger.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestPortAloneIsThisMachines(t *testing.T) {
	s, err := Listen(t.Context(), ":0", well)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if host, _, err := net.SplitHostPort(s.Addr()); host != "127.0.0.1" || err != nil {
		t.Errorf("it answers at %s", s.Addr())
	}
	if status, body := get(t, "http://"+s.Addr()+"/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("got %d %q", status, body)
	}
}
