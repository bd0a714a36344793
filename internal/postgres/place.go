package postgres

import (
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
)

// defaultDataDir is the embedded server's home. Root's own home is closed to
// the account its server runs under, so root's is a system place.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/graphpatch/postgres"
	}
	return filepath.Join(xdg.DataHome, "graphpatch", "postgres")
}
