//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// The private server has one role and one database of its own.
const (
	role     = "graphpatch"
	database = "graphpatch"
)

// cluster is a root folder and what lies in it:
//
//	start.lock, users.lock   who comes and goes
//	password                 for the socket; only for whom the root belongs to
//	data/                    PostgreSQL's; appears complete or not at all
//	socket/ or socket-dir    the socket's folder, or where that is
//	server.log, server.log.1 this start's messages and the last one's
type cluster struct {
	root     string
	account  account
	settings map[string]string
}

func newCluster(cfg Config) (*cluster, error) {
	who, err := serverAccount()
	if err != nil {
		return nil, err
	}
	if err := who.makeRoot(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return &cluster{root: cfg.DataDir, account: who, settings: cfg.Settings}, nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.root, name) }
func (c *cluster) data() string            { return c.path("data") }

func (c *cluster) hasData() bool {
	_, err := os.Stat(filepath.Join(c.data(), "PG_VERSION"))
	return err == nil
}

// address is the URL of a database of this server; empty while there is no
// data, or no socket.
func (c *cluster) address(name string) (string, error) {
	if !c.hasData() {
		return "", nil
	}
	dir, err := c.socketDir()
	if err != nil || dir == "" {
		return "", err
	}
	password, err := os.ReadFile(c.path("password"))
	if err != nil {
		return "", fmt.Errorf("without its password nobody can use the data in %s: %w", c.data(), err)
	}
	query := url.Values{"host": {dir}, "port": {port}}.Encode()
	address := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(role, string(password)),
		Path:   "/" + name,
		// A plus stands for itself in a Postgres URL.
		RawQuery: strings.ReplaceAll(query, "+", "%20"),
	}
	return address.String(), nil
}

// initialise makes the data directory beside its place and then moves it
// there, so that an interrupted attempt never looks like a finished one.
func (c *cluster) initialise(ctx context.Context, programs binaries) error {
	if err := c.clearAttempts(); err != nil {
		return err
	}
	attempt, err := os.MkdirTemp(c.root, "init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(attempt) // otherwise the next attempt does it
	if err := c.writePasswords(attempt); err != nil {
		return err
	}
	if err := c.initdb(ctx, programs, attempt); err != nil {
		return err
	}
	fresh := filepath.Join(attempt, "data")
	include := "\ninclude = '" + settingsFile + "'\n"
	if err := writeFile(filepath.Join(fresh, "postgresql.conf"), include, os.O_APPEND); err != nil {
		return err
	}
	return os.Rename(fresh, c.data())
}

func (c *cluster) clearAttempts() error {
	attempts, err := filepath.Glob(c.path("init-*"))
	if err != nil {
		return err
	}
	var faults []error
	for _, attempt := range attempts {
		faults = append(faults, os.RemoveAll(attempt))
	}
	return errors.Join(faults...)
}

// writePasswords makes a new password: one file for us to keep, and one that
// initdb, as the server's account, can read.
func (c *cluster) writePasswords(attempt string) error {
	password := rand.Text()
	if err := replaceFile(c.path("password"), password); err != nil {
		return err
	}
	passing := filepath.Join(attempt, "password")
	if err := os.WriteFile(passing, []byte(password), 0o600); err != nil {
		return err
	}
	return errors.Join(c.account.give(passing), c.account.give(attempt))
}

func (c *cluster) initdb(ctx context.Context, programs binaries, attempt string) error {
	args := []string{
		"--pgdata=" + filepath.Join(attempt, "data"),
		"--username=" + role,
		"--pwfile=" + filepath.Join(attempt, "password"),
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--locale=C",
		"--data-checksums",
		"--no-instructions",
	}
	if c.settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	if out, err := output(ctx, c.command(ctx, programs.path("initdb"), args...)); err != nil {
		return &ServerError{Doing: "make its data directory", Log: lastLines(out), Err: err}
	}
	return nil
}

// replaceFile writes a file of ours that is there wholly or not at all, after a
// power failure too: data without its password would be lost.
func replaceFile(path, content string) error {
	fresh := path + ".new"
	if err := writeFile(fresh, content, os.O_CREATE|os.O_TRUNC); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func writeFile(path, text string, how int) error {
	file, err := os.OpenFile(path, os.O_WRONLY|how, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
