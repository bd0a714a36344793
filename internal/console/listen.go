package console

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// socketPrefix marks an address that is a file.
const socketPrefix = "unix:"

// listen opens the address. A port without a host is this machine's alone: who wants more has to say so.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, socketPrefix); ok {
		return listenSocket(ctx, path)
	}
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr)
}

// socket is a listener at a file that nobody but this user, and root, may connect to.
type socket struct {
	net.Listener
	path string
}

// Close also removes the file.
func (s *socket) Close() error {
	err := s.Listener.Close()
	if gone := os.Remove(s.path); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// listenSocket makes the socket in a folder that is closed to others and moves it into its place when its own mode is set:
// between making a socket and closing it anybody could connect. What a dead process left behind is replaced.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := checkPlace(ctx, path); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".graphpatch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	closed := filepath.Join(dir, "s")
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", closed)
	if err != nil {
		return nil, err
	}
	if unix, ok := l.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // it is somewhere else by then
	}
	if err := errors.Join(os.Chmod(closed, 0o600), os.Rename(closed, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &socket{l, path}, nil
}

// checkPlace returns an error unless the path is free, or has the socket of a process that is gone.
func checkPlace(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and no socket", path)
	}
	var d net.Dialer
	if conn, err := d.DialContext(ctx, "unix", path); err == nil {
		return errors.Join(fmt.Errorf("another process answers at %s", path), conn.Close())
	}
	return nil
}
