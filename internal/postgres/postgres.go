// Package postgres owns the way to the database: the address, the pools, the
// schema's version and, when no address is given, a private server made of the
// installed PostgreSQL programs.
//
// It never knows what is in a table, never logs, and never puts a password
// into an error.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// minMajor is the oldest major version that has all the schema counts on, of
// which lz4 compression and DETACH CONCURRENTLY came last.
const minMajor = 14

// Config says which database to open.
type Config struct {
	// URL is a postgres:// URL (or libpq's keyword=value form). Empty means the
	// embedded server.
	URL string
	// DataDir is the embedded server's root folder, made when it is missing.
	// Empty means graphpatch/postgres under the user's data home, for root
	// /var/lib/graphpatch/postgres. Not used with a URL.
	DataDir string
	// ApplicationName is what pg_stat_activity shows, printable ASCII of at
	// most 40 bytes; default "graphpatch". A pool's name is appended to it.
	ApplicationName string
	// Settings are further server settings of the embedded server, for example
	// fsync=off for one that may lose its data. They count when this Open
	// starts the server, not when it joins one that runs.
	Settings map[string]string
	// OnlyRunning joins an embedded server that runs and starts none: Open then
	// returns ErrNotRunning. For who can do without a database.
	OnlyRunning bool
}

// ErrNotRunning tells that no embedded server runs.
var ErrNotRunning = errors.New("no server runs")

// Database is an opened database. Its methods are safe for concurrent use.
type Database struct {
	// URL is for pgx and carries the password: never print it.
	URL string
	// Embedded tells that the server is the private one.
	Embedded bool

	application string
	release     func(context.Context) error
	once        sync.Once
}

// Open finds the database, starting the embedded server when there is no URL,
// and checks that the server is new enough. Faults of the Config are reported
// together. The caller closes the Database after its pools.
func Open(ctx context.Context, cfg Config) (*Database, error) {
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = "graphpatch"
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	db := &Database{URL: cfg.URL, application: cfg.ApplicationName}
	if cfg.URL == "" {
		address, release, err := openEmbedded(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("embedded server: %w", err)
		}
		db.URL, db.Embedded, db.release = address, true, release
	}
	if err := db.checkVersion(ctx); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, db.Close(ctx))
	}
	return db, nil
}

// Close lets go of the embedded server; the last user of it stops it. A
// database of a URL needs no closing. Use a context that outlives the
// interruption which ends the program: the server is given until then to stop.
func (d *Database) Close(ctx context.Context) error {
	var err error
	d.once.Do(func() {
		if d.release != nil {
			err = d.release(ctx)
		}
	})
	if err != nil {
		return fmt.Errorf("embedded server: %w", err)
	}
	return nil
}

// VersionError tells that a server is too old. Have is its
// server_version_num, for example 130014 for 13.14.
type VersionError struct{ Have int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the server is PostgreSQL %d.%d, this program needs %d or newer", e.Have/10000, e.Have%10000, minMajor)
}

func (d *Database) checkVersion(ctx context.Context) error {
	conn, err := connect(ctx, d.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var number int
	const query = `SELECT current_setting('server_version_num')::int`
	if err := conn.QueryRow(ctx, query).Scan(&number); err != nil {
		return fmt.Errorf("ask the server's version: %w", err)
	}
	return supported(number)
}

func supported(number int) error {
	if number < minMajor*10000 {
		return &VersionError{Have: number}
	}
	return nil
}

// connect opens one connection for a short errand.
func connect(ctx context.Context, address string) (*pgx.Conn, error) {
	cfg, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return conn, nil
}

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_.]*$`)

func (c *Config) validate() error {
	var faults []error
	if c.URL != "" {
		if _, err := parseURL(c.URL); err != nil {
			faults = append(faults, err)
		}
	}
	if err := checkApplicationName(c.ApplicationName, 40); err != nil {
		faults = append(faults, err)
	}
	if err := c.validateDataDir(); err != nil {
		faults = append(faults, err)
	}
	for name, value := range c.Settings {
		if !settingName.MatchString(name) || strings.ContainsAny(value, "\x00\r\n") {
			faults = append(faults, fmt.Errorf("server setting %q: not a name and a value on one line", name))
		}
	}
	return errors.Join(faults...)
}

// validateDataDir makes DataDir absolute. Characters that a shell expands
// inside double quotes are refused because pg_ctl starts the server through
// one.
func (c *Config) validateDataDir() error {
	if c.DataDir == "" {
		c.DataDir = defaultDataDir()
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	c.DataDir = dir
	if c.URL == "" && strings.ContainsAny(dir, "\"$`\r\n\x00") {
		return fmt.Errorf("data directory %q: the characters \" $ ` and line breaks are not possible here", dir)
	}
	return nil
}

func checkApplicationName(name string, limit int) error {
	if len(name) > limit {
		return fmt.Errorf("application name %q: longer than %d bytes", name, limit)
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			return fmt.Errorf("application name %q: not printable ASCII", name)
		}
	}
	return nil
}
