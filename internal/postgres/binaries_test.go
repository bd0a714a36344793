package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstallCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ goos, release, want string }{
		{"linux", "NAME=\"Debian GNU/Linux\"\nID=debian\n", "apt-get install postgresql"},
		{"linux", "ID=ubuntu\nID_LIKE=debian\n", "apt-get install postgresql"},
		{"linux", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-get install postgresql"},
		{"linux", "ID=fedora\n", "dnf install postgresql-server"},
		{"linux", "ID=\"rhel\"\nID_LIKE=\"fedora\"\n", "dnf install postgresql-server"},
		{"linux", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install postgresql-server"},
		{"linux", "ID=alpine\n", "apk add postgresql"},
		{"linux", "ID=arch\n", "pacman -S postgresql"},
		{"linux", "ID=opensuse-leap\nID_LIKE='suse opensuse'\n", "zypper install postgresql-server"},
		{"linux", "ID=nixos\n", ""},
		{"linux", "", ""},
		{"darwin", "", "brew install postgresql@17"},
		{"freebsd", "ID=freebsd\n", "pkg install postgresql17-server"},
		{"openbsd", "", "pkg_add postgresql-server"},
	} {
		if got := installCommand(tt.goos, tt.release); got != tt.want {
			t.Errorf("%s, %q: got %q, want %q", tt.goos, tt.release, got, tt.want)
		}
	}
}

func TestNotInstalledError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  NotInstalledError
		want string
	}{
		{NotInstalledError{Command: "apt-get install postgresql"},
			`PostgreSQL 14 or newer is not installed: run "apt-get install postgresql", or set DATABASE_URL to a server's address`},
		{NotInstalledError{TooOld: []string{"12 in /a", "13 in /b"}},
			`PostgreSQL 14 or newer is not installed (too old: 12 in /a, 13 in /b): install its server programs, or set DATABASE_URL to a server's address`},
	} {
		if diff := cmp.Diff(tt.want, tt.err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

// programs makes a folder that looks like one version's programs.
func programs(t *testing.T, version string, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		script := fmt.Sprintf("#!/bin/sh\necho '%s (PostgreSQL) %s'\n", name, version)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Not parallel: a script that a fork of another test holds open cannot be run.
func TestChoose(t *testing.T) {
	all := []string{"initdb", "pg_ctl", "postgres"}
	old := programs(t, "13.4", all...)
	fifteen := programs(t, "15.18 (Debian 15.18-0+deb12u1)", all...)
	eighteen := programs(t, "18beta2", all...)
	noInitdb := programs(t, "19.1", "pg_ctl", "postgres")
	dirs := []string{"relative", "/does/not/exist", noInitdb, old, fifteen, eighteen, fifteen}

	found, tooOld := installed(t.Context(), dirs)
	if diff := cmp.Diff([]binaries{{eighteen, 18}, {fifteen, 15}}, found, cmp.AllowUnexported(binaries{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"13 in " + old}, tooOld); diff != "" {
		t.Error(diff)
	}

	data := t.TempDir()
	made := func(by string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(by+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	chosen := func(dirs []string) (int, error) {
		b, err := choose(t.Context(), dirs, data)
		return b.major, err
	}
	if got, err := chosen(dirs); got != 18 || err != nil {
		t.Errorf("new data: got %d, %v, want the newest", got, err)
	}
	made("15")
	if got, err := chosen(dirs); got != 15 || err != nil {
		t.Errorf("data of 15: got %d, %v, want 15", got, err)
	}
	made("14")
	_, err := chosen(dirs)
	if lost, ok := errors.AsType[*MajorError](err); !ok || lost.Have != 14 || !strings.Contains(err.Error(), data) {
		t.Errorf("data of 14: got %v, want a *MajorError with the path", err)
	} else if diff := cmp.Diff([]int{18, 15}, lost.Installed); diff != "" {
		t.Error(diff)
	}
	_, err = chosen([]string{old})
	if none, ok := errors.AsType[*NotInstalledError](err); !ok || len(none.TooOld) != 1 {
		t.Errorf("only 13: got %v, want a *NotInstalledError that mentions it", err)
	}
	made("fifteen")
	if _, err := chosen(dirs); err == nil || !strings.Contains(err.Error(), "PG_VERSION") {
		t.Errorf("unreadable version: got %v", err)
	}
}
