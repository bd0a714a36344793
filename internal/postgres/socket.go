//go:build unix && !aix && !solaris

package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The server listens on this one file and nowhere else. The port is only part
// of its name.
const (
	port       = "5432"
	socketFile = ".s.PGSQL." + port
)

// maxSocketPath is the shortest limit among the systems (macOS and the BSDs
// 103 bytes, Linux 107).
const maxSocketPath = 103

// socketDir is the folder of the server's socket, empty when the server has
// none yet. Usually it lies in the root; a root whose path is too long has a
// short private folder instead and remembers it.
func (c *cluster) socketDir() (string, error) {
	if dir := c.path("socket"); fitsSocket(dir) {
		return dir, nil
	}
	dir, err := os.ReadFile(c.path("socket-dir"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(dir), err
}

// fitsSocket tells whether a socket can lie in dir. A comma parts hosts in a
// connection string.
func fitsSocket(dir string) bool {
	return len(dir)+len("/"+socketFile) <= maxSocketPath && !strings.Contains(dir, ",")
}

// makeSocketDir makes the socket's folder ready for a start.
func (c *cluster) makeSocketDir() (string, error) {
	if dir := c.path("socket"); fitsSocket(dir) {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
		return dir, errors.Join(c.account.give(dir), os.Chmod(dir, 0o700))
	}
	if dir, err := c.socketDir(); err != nil || c.isPrivate(dir) {
		return dir, err
	}
	return c.makeShortSocketDir()
}

func (c *cluster) makeShortSocketDir() (string, error) {
	base := os.TempDir()
	if !fitsSocket(filepath.Join(base, "graphpatch-0123456789")) || c.account.canReach(base) != nil {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "graphpatch-")
	if err != nil {
		return "", err
	}
	return dir, errors.Join(c.account.give(dir), replaceFile(c.path("socket-dir"), dir))
}

// isPrivate tells whether a remembered folder is still there and the server's
// alone. In a place open to all, somebody else may have taken its name.
func (c *cluster) isPrivate(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == c.account.uid
}

// removeShortSocketDir cleans up after a server that has stopped.
func (c *cluster) removeShortSocketDir() error {
	record := c.path("socket-dir")
	dir, err := os.ReadFile(record)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.isPrivate(string(dir)) {
		err = os.RemoveAll(string(dir))
	}
	return errors.Join(err, os.Remove(record))
}

// clearStale removes what a dead server left behind in the name of a process
// that is not it: PostgreSQL would not start beside these, because some process
// has that number.
func (c *cluster) clearStale() error {
	dir, err := c.socketDir()
	if err != nil {
		return err
	}
	files := []string{filepath.Join(c.data(), "postmaster.pid")}
	if dir != "" {
		files = append(files, filepath.Join(dir, socketFile+".lock"))
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear up after a crash: %w", err)
		}
	}
	return nil
}
