package pgtest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/adrg/xdg"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/postgres"
)

// shared is the one server of this process. It is package state because Main
// and the tests, which must share it, have nothing else in common.
var shared lease

// lease counts who uses the server; the last one to leave lets it go.
type lease struct {
	mu     sync.Mutex
	users  int
	server *server
}

// hold keeps the server, once a test has opened it, until release. It does not
// open it: a package's other tests need no PostgreSQL.
func (l *lease) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users++
}

func (l *lease) release(ctx context.Context) error { return l.leave(ctx) }

func (l *lease) join(ctx context.Context) (*server, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server == nil {
		server, err := open(ctx)
		if err != nil {
			return nil, err
		}
		l.server = server
	}
	l.users++
	return l.server, nil
}

func (l *lease) leave(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users > 0 || l.server == nil {
		return nil
	}
	server := l.server
	l.server = nil
	return server.close(ctx)
}

// server is an opened server, and the schema its databases are to have.
type server struct {
	database *postgres.Database
	base     *url.URL
	// pool is on the maintenance database. Making databases gains nothing from
	// more connections than it has.
	pool *pgxpool.Pool
	hash string
	// turn lets one goroutine at a time wait for the advisory lock. Otherwise
	// those who wait could have all the pool's connections, and who holds the
	// lock none to work with.
	turn sync.Mutex
}

func open(ctx context.Context) (*server, error) {
	database, err := openDatabase(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{database: database}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *server) prepare(ctx context.Context) error {
	base, err := url.Parse(s.database.URL)
	if err != nil {
		return errors.New("GRAPHPATCH_TEST_DATABASE_URL: not a URL") // the reason may show the password
	}
	s.base = base
	if s.hash, err = postgres.SchemaHash(); err != nil {
		return err
	}
	s.pool, err = s.database.Pool(ctx, postgres.PoolConfig{Name: "maintenance", MaxConns: 4})
	if err != nil {
		return err
	}
	return s.locked(ctx, func() error { return s.tidy(ctx) })
}

func (s *server) close(ctx context.Context) error {
	if s.pool != nil {
		s.pool.Close()
	}
	return s.database.Close(ctx)
}

// address is the URL of a database on this server.
func (s *server) address(name string) string {
	address := *s.base
	address.Path = "/" + name
	return address.String()
}

// openDatabase opens the server that is named, or the private one.
func openDatabase(ctx context.Context) (*postgres.Database, error) {
	cfg := postgres.Config{
		URL:             os.Getenv("GRAPHPATCH_TEST_DATABASE_URL"),
		DataDir:         cacheDir(),
		ApplicationName: "pgtest",
		// Durability is what makes databases slow to create, and the
		// smallest log on disk is enough for them.
		Settings: map[string]string{
			"fsync":            "off",
			"full_page_writes": "off",
			"min_wal_size":     "32MB",
			"max_wal_size":     "256MB",
		},
	}
	database, err := postgres.Open(ctx, cfg)
	if old, ok := errors.AsType[*postgres.MajorError](err); ok {
		// Data made for tests is not worth keeping an old PostgreSQL for.
		cfg.DataDir = filepath.Join(cfg.DataDir, strconv.Itoa(old.Installed[0]))
		return postgres.Open(ctx, cfg)
	}
	return database, err
}

// cacheDir keeps the initialised server between runs. For root it is a system
// place, because its server's account cannot pass through root's home.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/graphpatch/pgtest"
	}
	return filepath.Join(xdg.CacheHome, "graphpatch", "pgtest")
}
