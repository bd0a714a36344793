package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// binaries is a folder with the programs that make a server.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// NotInstalledError tells that no usable PostgreSQL is installed. Command
// installs one on this system, empty where none is known; TooOld names what
// was found and passed over.
type NotInstalledError struct {
	Command string
	TooOld  []string
}

func (e *NotInstalledError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "PostgreSQL %d or newer is not installed", minMajor)
	if len(e.TooOld) > 0 {
		fmt.Fprintf(&text, " (too old: %s)", strings.Join(e.TooOld, ", "))
	}
	if e.Command != "" {
		fmt.Fprintf(&text, ": run %q, or set DATABASE_URL to a server's address", e.Command)
	} else {
		text.WriteString(": install its server programs, or set DATABASE_URL to a server's address")
	}
	return text.String()
}

// MajorError tells that data was made by a major version whose programs are
// not installed, so no server here can read it.
type MajorError struct {
	Path      string // the data directory
	Have      int    // the major version that made it
	Installed []int  // what is installed, newest first
}

func (e *MajorError) Error() string {
	return fmt.Sprintf("the data in %s was made by PostgreSQL %d, which is not installed (there is %s): install PostgreSQL %d again, or move the data away to begin anew",
		e.Path, e.Have, majors(e.Installed), e.Have)
}

func majors(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ", ")
}

// candidates are the folders in which the programs may be, best guess first.
// Packages of Debian, Homebrew and RPM keep them off PATH so that several
// major versions can stand side by side.
func candidates(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, program := range []string{"postgres", "initdb"} {
		if path, err := exec.LookPath(program); err == nil {
			dirs = append(dirs, filepath.Dir(path))
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	for _, pattern := range places {
		found, _ := filepath.Glob(pattern) // the only error is a bad pattern
		dirs = append(dirs, found...)
	}
	return dirs
}

var places = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // PGDG's RPMs
	"/usr/lib/postgresql*/bin",  // SUSE
	"/usr/libexec/postgresql*",  // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/opt/local/lib/postgresql*/bin", // MacPorts
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/bin",
	"/usr/local/bin",
}

// installed looks into the folders and returns one set of programs per major
// version, newest first, and what was too old.
func installed(ctx context.Context, dirs []string) (found []binaries, tooOld []string) {
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			continue
		}
		b, ok := inspect(ctx, dir)
		switch {
		case !ok || slices.ContainsFunc(found, func(have binaries) bool { return have.major == b.major }):
		case b.major < minMajor:
			tooOld = append(tooOld, fmt.Sprintf("%d in %s", b.major, dir))
		default:
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return b.major - a.major })
	slices.Sort(tooOld)
	return found, slices.Compact(tooOld)
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func inspect(ctx context.Context, dir string) (binaries, bool) {
	if !filepath.IsAbs(dir) {
		return binaries{}, false
	}
	for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return binaries{}, false
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, false
	}
	match := versionOutput.FindSubmatch(out)
	if match == nil {
		return binaries{}, false
	}
	major, err := strconv.Atoi(string(match[1]))
	return binaries{dir: dir, major: major}, err == nil
}

// choose takes the newest programs for a new data directory, and those of the
// same major version for one that exists.
func choose(ctx context.Context, dirs []string, data string) (binaries, error) {
	found, tooOld := installed(ctx, dirs)
	if err := ctx.Err(); err != nil {
		return binaries{}, err
	}
	if len(found) == 0 {
		release, _ := os.ReadFile("/etc/os-release") // a system without it gets the general advice
		return binaries{}, &NotInstalledError{Command: installCommand(runtime.GOOS, string(release)), TooOld: tooOld}
	}
	major, err := dataMajor(data)
	if errors.Is(err, os.ErrNotExist) {
		return found[0], nil
	}
	if err != nil {
		return binaries{}, err
	}
	for _, b := range found {
		if b.major == major {
			return b, nil
		}
	}
	numbers := make([]int, len(found))
	for i, b := range found {
		numbers[i] = b.major
	}
	return binaries{}, &MajorError{Path: data, Have: major, Installed: numbers}
}

// dataMajor reads which major version made a data directory.
func dataMajor(data string) (int, error) {
	path := filepath.Join(data, "PG_VERSION")
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s: not a major version: %w", path, err)
	}
	return major, nil
}
