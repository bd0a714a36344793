//go:build unix && !aix && !solaris

package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the server's processes belong to. PostgreSQL refuses to run
// as root, so root's server drops to a system account.
type account struct {
	name     string
	uid, gid int
	drop     bool
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "this user", uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue // the next one may exist
		}
		uid, uidErr := strconv.Atoi(entry.Uid)
		gid, gidErr := strconv.Atoi(entry.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("system user %q: %w", name, err)
		}
		return account{name: name, uid: uid, gid: gid, drop: true}, nil
	}
	return account{}, errors.New(`root cannot run PostgreSQL, and there is no system user "postgres" or "nobody" to run it as`)
}

// attributes are for a child process of this account. It gets a process group
// of its own, so that Ctrl-C in our terminal does not reach it.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// give makes a file or a folder the account's.
func (a account) give(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// makeRoot makes the root folder and the missing ones above it, open for
// passing through where the account is not the one who makes them.
func (a account) makeRoot(root string) error {
	mode := os.FileMode(0o700)
	if a.drop {
		mode = 0o711
	}
	var missing []string
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		missing = append(missing, dir)
	}
	if err := os.MkdirAll(root, mode); err != nil {
		return err
	}
	for _, dir := range missing {
		if err := os.Chmod(dir, mode); err != nil { // whatever the umask took
			return err
		}
	}
	return errors.Join(a.isOurs(root), a.canReach(root))
}

// OpenError tells that others could put something into the root folder, or take it away: a password of their choice, or a
// socket that they listen at.
type OpenError struct{ Dir string }

func (e *OpenError) Error() string {
	return fmt.Sprintf("other users may write in %s: choose a data directory of your own, or run chmod go-w %s", e.Dir, e.Dir)
}

func (a account) isOurs(root string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	owned := !ok || int(stat.Uid) == os.Geteuid() || int(stat.Uid) == a.uid
	if !owned || info.Mode().Perm()&0o022 != 0 {
		return &OpenError{Dir: root}
	}
	return nil
}

// UnreachableError tells that the server's account cannot pass a folder above
// its data.
type UnreachableError struct{ Dir, Account string }

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("system user %q, who runs the server, cannot pass through %s: choose a data directory elsewhere, or run chmod o+x %s", e.Account, e.Dir, e.Dir)
}

// canReach names the topmost folder on the way to dir that the account cannot
// pass through.
func (a account) canReach(dir string) error {
	if !a.drop {
		return nil
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	var blocked string
	for {
		info, err := os.Stat(real)
		if err != nil {
			return err
		}
		if !a.mayPass(info) {
			blocked = real
		}
		parent := filepath.Dir(real)
		if parent == real {
			break
		}
		real = parent
	}
	if blocked != "" {
		return &UnreachableError{Dir: blocked, Account: a.name}
	}
	return nil
}

func (a account) mayPass(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch mode := info.Mode().Perm(); {
	case int(stat.Uid) == a.uid:
		return mode&0o100 != 0
	case int(stat.Gid) == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
