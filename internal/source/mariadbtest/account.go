//go:build unix

package mariadbtest

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account makes the folder the one of whom the server runs as: this user, or for root, as whom MariaDB does not like to run,
// another one.
func account(dir string) (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	for _, name := range []string{"mysql", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue // the next one may exist
		}
		uid, err := strconv.ParseUint(entry.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(entry.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attributes, os.Chown(dir, int(uid), int(gid))
	}
	return nil, fmt.Errorf("root cannot run MariaDB, and there is no system user mysql or nobody to run it as")
}
