package postgres

import "strings"

// installCommands maps ID and ID_LIKE of os-release to the one command that
// installs the server's programs there.
var installCommands = map[string]string{
	"debian":   "apt-get install postgresql",
	"ubuntu":   "apt-get install postgresql",
	"fedora":   "dnf install postgresql-server",
	"rhel":     "dnf install postgresql-server",
	"centos":   "dnf install postgresql-server",
	"amzn":     "dnf install postgresql17-server",
	"alpine":   "apk add postgresql",
	"arch":     "pacman -S postgresql",
	"suse":     "zypper install postgresql-server",
	"opensuse": "zypper install postgresql-server",
}

// installCommand returns the command for a system, or nothing for one it does
// not know.
func installCommand(goos, osRelease string) string {
	switch goos {
	case "darwin":
		return "brew install postgresql@17"
	case "freebsd":
		return "pkg install postgresql17-server"
	case "openbsd":
		return "pkg_add postgresql-server"
	case "linux":
		for _, id := range systemIDs(osRelease) {
			if command, ok := installCommands[id]; ok {
				return command
			}
		}
	}
	return ""
}

// systemIDs lists the system's own name and then those it is like.
func systemIDs(osRelease string) []string {
	var id, like []string
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.ToLower(strings.Trim(value, `"'`))
		switch key {
		case "ID":
			id = strings.Fields(value)
		case "ID_LIKE":
			like = strings.Fields(value)
		}
	}
	return append(id, like...)
}
