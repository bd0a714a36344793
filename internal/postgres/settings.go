//go:build unix && !aix && !solaris

package postgres

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// settingsFile lies in the data directory and is written anew at every start.
// postgresql.conf includes it, so what an operator sets with ALTER SYSTEM
// counts more.
const settingsFile = "graphpatch.conf"

// serverSettings are those of every embedded server: reachable by its socket
// alone, small enough for a laptop, quiet enough that the log of a long run
// stays short (statements that fail are told to who sent them).
var serverSettings = map[string]string{
	"listen_addresses":        "",
	"port":                    port,
	"unix_socket_permissions": "0700",
	"max_connections":         "200",
	"shared_buffers":          "128MB",
	"wal_compression":         "on",
	"timezone":                "UTC",
	"log_timezone":            "UTC",
	"log_destination":         "stderr",
	"logging_collector":       "off",
	"log_min_messages":        "log",
	"log_checkpoints":         "off",
	"log_line_prefix":         "%m [%p] ",
}

func (c *cluster) writeSettings(socketDir string) error {
	settings := maps.Clone(serverSettings)
	maps.Copy(settings, c.settings)
	// A list of folders, in which only double quotes keep odd names whole.
	settings["unix_socket_directories"] = `"` + socketDir + `"`
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quoteSetting(settings[name]))
	}
	path := filepath.Join(c.data(), settingsFile)
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return c.account.give(path)
}

func quoteSetting(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + "'"
}
