//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// fileLock is a lock of the kernel's on an open file: it goes away with the
// process that holds it, however that process ends. Children never inherit it,
// because Go opens files close-on-exec.
type fileLock struct{ file *os.File }

func openLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &fileLock{file: file}, nil
}

// lockExclusive waits for the lock until the context ends.
func lockExclusive(ctx context.Context, path string) (*fileLock, error) {
	lock, err := openLock(path)
	if err != nil {
		return nil, err
	}
	for {
		taken, err := lock.try(syscall.LOCK_EX)
		if taken {
			return lock, nil
		}
		if err == nil {
			err = pause(ctx, 20*time.Millisecond)
		}
		if err != nil {
			lock.unlock()
			return nil, fmt.Errorf("wait for %s: %w", path, err)
		}
	}
}

// lockShared takes the lock beside other sharers; it does not wait.
func lockShared(path string) (*fileLock, error) {
	lock, err := openLock(path)
	if err != nil {
		return nil, err
	}
	taken, err := lock.try(syscall.LOCK_SH)
	if taken {
		return lock, nil
	}
	lock.unlock()
	if err == nil {
		err = syscall.EWOULDBLOCK
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// tryExclusive makes a shared lock exclusive if nobody else shares it.
func (l *fileLock) tryExclusive() (bool, error) { return l.try(syscall.LOCK_EX) }

// try takes or changes the lock without waiting. A change that fails gives up
// what was held before: the kernel releases first and takes then.
func (l *fileLock) try(how int) (bool, error) {
	for {
		err := syscall.Flock(int(l.file.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}

// unlock closes the file, and with it the lock; nothing was written, so
// closing has no error to report.
func (l *fileLock) unlock() { _ = l.file.Close() }

// pause waits, or returns the context's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
