//go:build unix && !aix && !solaris

package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServerErrorHasItsLastWords(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	_, err := Open(t.Context(), Config{DataDir: root, Settings: map[string]string{"no_such_setting": "1"}})
	failure, ok := errors.AsType[*ServerError](err)
	if !ok || !strings.Contains(failure.Log, "no_such_setting") || !strings.Contains(err.Error(), failure.Log) {
		t.Errorf("got %v, want a *ServerError with the server's log", err)
	}
}

func TestPasswordLost(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	if err := os.Remove(filepath.Join(root, "password")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{DataDir: root})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(root, "password")) {
		t.Errorf("got %v, want the missing file", err)
	}
}

func TestDataOfAnotherMajor(t *testing.T) {
	t.Parallel()
	root := madeRoot(t)
	if err := os.WriteFile(filepath.Join(root, "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{DataDir: root})
	if lost, ok := errors.AsType[*MajorError](err); !ok || lost.Have != 9 || lost.Path != filepath.Join(root, "data") {
		t.Errorf("got %v, want a *MajorError", err)
	}
}

func TestOddRoots(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"space, quote":  "Application Support/it's 100% + mine",
		"comma":         "a,b",
		"long":          strings.Repeat("long/", 25),
		"socket's path": strings.Repeat("x", 200),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(emptyRoot(t), dir)
			from := madeRoot(t)
			who := clusterOf(t, from).account
			if err := errors.Join(who.makeRoot(filepath.Dir(root)), os.Rename(from, root)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { endServer(t, root) })
			db := open(t, root)
			answers(t, db)
			short, _ := os.ReadFile(filepath.Join(root, "socket-dir"))
			closeDatabase(t, db)
			if _, err := os.Stat(string(short)); len(short) > 0 && err == nil {
				t.Errorf("%s stays behind", short)
			}
		})
	}
	if _, err := Open(t.Context(), Config{DataDir: "/tmp/$HOME"}); err == nil {
		t.Error("a root that a shell would read differently was taken")
	}
}
