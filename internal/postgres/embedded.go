//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// openEmbedded joins the server of a root folder, or starts it.
//
// Two locks in the root order everybody who comes and goes. start.lock is held,
// exclusively, while deciding whether to make, start or stop the server.
// users.lock is shared by all who use the server, for as long as they do; the
// kernel takes it back from those who die. Who leaves tries to have users.lock
// alone: if that works nobody else is there, and the server is stopped. Nobody
// can come meanwhile, because coming needs start.lock.
func openEmbedded(ctx context.Context, cfg Config) (string, func(context.Context) error, error) {
	if cfg.OnlyRunning && !hasServer(cfg.DataDir) {
		return "", nil, ErrNotRunning
	}
	c, err := newCluster(cfg)
	if err != nil {
		return "", nil, err
	}
	guard, err := lockExclusive(ctx, c.path("start.lock"))
	if err != nil {
		return "", nil, err
	}
	defer guard.unlock()
	users, err := lockShared(c.path("users.lock"))
	if err != nil {
		return "", nil, err
	}
	begin := c.ensure
	if cfg.OnlyRunning {
		begin = c.isReady
	}
	if err := begin(ctx); err != nil {
		return "", nil, errors.Join(err, c.abandon(ctx, users))
	}
	address, err := c.address(database)
	if err != nil {
		return "", nil, errors.Join(err, c.abandon(ctx, users))
	}
	return address, func(ctx context.Context) error { return c.leave(ctx, users) }, nil
}

// hasServer reports whether there may be a server: who only joins makes no folder.
func hasServer(root string) bool {
	_, err := os.Stat(filepath.Join(root, "users.lock"))
	return err == nil
}

// isReady is ErrNotRunning unless the server is.
func (c *cluster) isReady(ctx context.Context) error {
	state, err := c.look(ctx)
	if err == nil && state != ready {
		return ErrNotRunning
	}
	return err
}

// abandon leaves after a failed start. Usually the context has ended by then,
// and a server that was on its way must not stay behind for that.
func (c *cluster) abandon(ctx context.Context, users *fileLock) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return c.stopIfLast(ctx, users)
}

// leave ends one use of the server.
func (c *cluster) leave(ctx context.Context, users *fileLock) error {
	guard, err := lockExclusive(ctx, c.path("start.lock"))
	if err != nil {
		// Without the decision the server goes on; whoever comes next finds it.
		users.unlock()
		return err
	}
	defer guard.unlock()
	return c.stopIfLast(ctx, users)
}

func (c *cluster) stopIfLast(ctx context.Context, users *fileLock) error {
	defer users.unlock()
	alone, err := users.tryExclusive()
	if err != nil || !alone {
		return err
	}
	return c.stop(ctx)
}
