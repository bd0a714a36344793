//go:build unix && !linux && !aix && !solaris

package postgres

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// serves tells whether a process is a PostgreSQL server. A number may have
// been given to another process since it was written down, so its program is
// looked at; where ps cannot tell, taking it for alive does no harm to data.
func serves(ctx context.Context, pid int, _ string) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "stat=,comm=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return true
	}
	return bytes.Contains(out, []byte("postgres")) && !bytes.HasPrefix(bytes.TrimSpace(out), []byte("Z"))
}
