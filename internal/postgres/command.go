//go:build unix && !aix && !solaris

package postgres

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// command is a program that will run as the server's account. Its environment
// is nearly empty: PG* variables, language and time zone of the caller are not
// the server's. When the context ends its process group is interrupted, so
// that it can tidy up.
func (c *cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = c.root
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = c.account.attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output runs a command and returns what it said. The context's end counts
// more than how the command took it.
func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.CombinedOutput()
	if ended := ctx.Err(); err != nil && ended != nil {
		return out, ended
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	return out, err
}

// ServerError tells that a program of the server failed, with its last words.
type ServerError struct {
	Doing string
	Log   string
	Err   error
}

func (e *ServerError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("%s: %v", e.Doing, e.Err)
	}
	return fmt.Sprintf("%s: %v; its last words:\n%s", e.Doing, e.Err, e.Log)
}

// Unwrap returns what the program ended with.
func (e *ServerError) Unwrap() error { return e.Err }

// lastLines is the end of a log that a person can be shown.
func lastLines(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	lines = lines[max(0, len(lines)-12):]
	return string(bytes.Join(lines, []byte("\n")))
}
