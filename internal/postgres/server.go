//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// condition is how a server shows itself on its socket.
type condition int

const (
	silent    condition = iota // nobody listens
	busy                       // starting up, recovering, or shutting down
	answering                  // ready, but our database may be missing
	ready
)

// SQLSTATEs with which a server says how it is.
const (
	cannotConnectNow = "57P03"
	adminShutdown    = "57P01"
	noSuchDatabase   = "3D000"
)

const poll = 20 * time.Millisecond

// ensure returns when the server of this root is ready. Every step looks again
// at what is there instead of remembering, because whoever was here before may
// have died at any point of the same steps.
func (c *cluster) ensure(ctx context.Context) error {
	silence := 0
	for {
		state, err := c.look(ctx)
		if err != nil {
			return err
		}
		switch state {
		case ready:
			return nil
		case answering:
			err = c.createDatabase(ctx)
		case busy:
			err = pause(ctx, poll)
		case silent:
			silence++
			err = c.revive(ctx, silence)
		}
		if err != nil {
			return err
		}
	}
}

// look tries to connect and tells what came of it.
func (c *cluster) look(ctx context.Context) (condition, error) {
	address, err := c.address(database)
	if err != nil {
		return silent, err
	}
	if address == "" {
		return silent, nil
	}
	brief, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := connect(brief, address)
	if err == nil {
		return ready, conn.Close(brief)
	}
	if ended := ctx.Err(); ended != nil {
		return silent, ended
	}
	return diagnose(err)
}

// diagnose reads a failed connection.
func diagnose(err error) (condition, error) {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refusal.Code {
		case cannotConnectNow, adminShutdown:
			return busy, nil
		case noSuchDatabase:
			return answering, nil
		}
		return silent, err
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return silent, nil
	case pgconn.Timeout(err), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EAGAIN):
		return busy, nil // too slow, full, or gone in the middle
	}
	return silent, err
}

func (c *cluster) createDatabase(ctx context.Context) error {
	address, err := c.address("postgres")
	if err != nil {
		return err
	}
	conn, err := connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	return err
}

// maxSilence is how often in a row a living server may be found not listening:
// 20 s, for the moments after it begins and before it ends.
const maxSilence = int(20 * time.Second / poll)

// revive starts the server unless it lives.
func (c *cluster) revive(ctx context.Context, silence int) error {
	pid, alive := c.postmaster(ctx)
	if silence > maxSilence {
		return fmt.Errorf("the server of %s (process %d) runs, but nobody listens at its socket: end that process", c.data(), pid)
	}
	if alive {
		return pause(ctx, poll)
	}
	crashed := pid != 0
	if crashed {
		if err := c.clearStale(); err != nil {
			return err
		}
	}
	programs, err := choose(ctx, candidates(ctx), c.data())
	if err != nil {
		return err
	}
	if !c.hasData() {
		if err := c.initialise(ctx, programs); err != nil {
			return err
		}
	}
	return c.start(ctx, programs, crashed)
}

// postmaster returns the process that the data directory names as its server,
// 0 for none, and whether it is.
func (c *cluster) postmaster(ctx context.Context) (pid int, alive bool) {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 0 {
		return -1, false // cut off while it was written: the server died over it
	}
	return pid, serves(ctx, pid, c.data())
}

// start starts the server and returns when it accepts connections. After a
// crash some of the old server's processes may need a moment to notice it,
// and as long as they hold its shared memory no new one can start.
func (c *cluster) start(ctx context.Context, programs binaries, crashed bool) error {
	dir, err := c.makeSocketDir()
	if err != nil {
		return err
	}
	if err := errors.Join(c.writeSettings(dir), c.rotateLog()); err != nil {
		return err
	}
	tries := 1
	if crashed {
		tries = 40
	}
	for {
		err = c.launch(ctx, programs)
		// A pg_ctl whose caller was killed goes on by itself and may be faster.
		if _, alive := c.postmaster(ctx); err == nil || alive {
			return nil
		}
		if tries--; tries == 0 || ctx.Err() != nil {
			return err
		}
		if ended := pause(ctx, 250*time.Millisecond); ended != nil {
			return ended
		}
	}
}

// launch leaves the waiting to pg_ctl, which gives the server a session of its
// own. An hour is for the recovery after a crash; the context ends it sooner.
func (c *cluster) launch(ctx context.Context, programs binaries) error {
	log := c.path("server.log")
	cmd := c.command(ctx, programs.path("pg_ctl"), "start", "--silent", "--wait", "--timeout=3600",
		"--pgdata="+c.data(), "--log="+log)
	cmd.Cancel = func() error {
		c.awaitBirth(context.WithoutCancel(ctx), cmd.Process)
		return cmd.Process.Signal(syscall.SIGINT)
	}
	said, err := output(ctx, cmd)
	if err == nil || ctx.Err() != nil {
		return err
	}
	text, readErr := os.ReadFile(log)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return &ServerError{Doing: "start", Log: lastLines(append(said, text...)), Err: err}
}

// awaitBirth returns when the server that pg_ctl starts has made itself known,
// or pg_ctl has ended. A server younger than that can be found by nobody, so
// whoever gives up earlier leaves it behind.
func (c *cluster) awaitBirth(ctx context.Context, pgctl *os.Process) {
	for range int(10 * time.Second / poll) {
		_, alive := c.postmaster(ctx)
		if alive || pgctl.Signal(syscall.Signal(0)) != nil || pause(ctx, poll) != nil {
			return
		}
	}
}

// rotateLog begins a new log for this start and keeps the last one's.
func (c *cluster) rotateLog() error {
	log := c.path("server.log")
	if err := os.Rename(log, log+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		return err
	}
	return c.account.give(log)
}

// stop asks the server to end now, without waiting for its clients, and waits
// until it has.
func (c *cluster) stop(ctx context.Context) error {
	pid, alive := c.postmaster(ctx)
	if alive {
		if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
	}
	for alive {
		if err := pause(ctx, poll); err != nil {
			return fmt.Errorf("process %d has not stopped yet: %w", pid, err)
		}
		alive = serves(ctx, pid, c.data())
	}
	return c.removeShortSocketDir()
}
