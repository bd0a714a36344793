package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolConfig describes one pool of connections.
type PoolConfig struct {
	// Name tells the pools of one program apart in pg_stat_activity.
	Name string
	// MaxConns is the pool's size; 0 leaves it to the URL's pool_max_conns, and
	// without one to pgx: the number of processors, at least 4.
	MaxConns int32
	// Params are server settings of every connection of this pool.
	Params map[string]string
}

// LedgerConfig describes the pool on which rows are claimed and recorded.
// Each of its statements looks a few hundred keys up in an index, whatever the
// size of the tables, and the planner must not think otherwise: a plan made
// while a partition was empty would scan it for ever, and before the first
// ANALYZE of a new month it joins by hashing or merging whole indexes, thirty
// times as slow. JIT compilation takes longer than any statement of the ledger;
// and a claim must be on disk before its request leaves. Other pools must not
// run like this.
func LedgerConfig(maxConns int32) PoolConfig {
	return PoolConfig{
		Name:     "ledger",
		MaxConns: maxConns,
		Params: map[string]string{
			"plan_cache_mode":    "force_generic_plan",
			"enable_seqscan":     "off",
			"enable_hashjoin":    "off",
			"enable_mergejoin":   "off",
			"enable_material":    "off",
			"jit":                "off",
			"synchronous_commit": "on",
			// A worker that vanished must not keep what it has locked: its server process notices after these.
			"idle_in_transaction_session_timeout": "10s",
		},
	}
}

// BudgetConfig describes the pool on which slots are reserved: a few
// statements at a time, which are made good if a crash loses the last of them,
// so that they need not wait for the disk.
func BudgetConfig() PoolConfig {
	return PoolConfig{Name: "budget", MaxConns: 3, Params: map[string]string{
		"synchronous_commit": "off", "idle_in_transaction_session_timeout": "10s",
	}}
}

// Pool opens a pool and tries it once, so that a parameter the server refuses
// is known at once. The caller closes the pool before the Database.
func (d *Database) Pool(ctx context.Context, cfg PoolConfig) (*pgxpool.Pool, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("pool %q: %w", cfg.Name, err)
	}
	settings, err := d.poolSettings(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("pool %q: %w", cfg.Name, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("pool %q: %w", cfg.Name, err)
	}
	return pool, nil
}

func (d *Database) poolSettings(cfg PoolConfig) (*pgxpool.Config, error) {
	settings, err := parseURL(d.URL)
	if err != nil {
		return nil, err
	}
	if cfg.MaxConns > 0 {
		settings.MaxConns = cfg.MaxConns
		settings.MinConns = min(settings.MinConns, cfg.MaxConns)
	}
	// Without a limit a host that swallows packets holds a caller for minutes.
	if settings.ConnConfig.ConnectTimeout == 0 {
		settings.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	settings.ConnConfig.DialFunc = dialer().DialContext
	if settings.PingTimeout == 0 {
		settings.PingTimeout = pingTimeout
	}
	params := settings.ConnConfig.RuntimeParams
	// Whoever locks and then looks needs a snapshot that is younger than the lock, whatever the database has as its default.
	params["default_transaction_isolation"] = "read committed"
	maps.Copy(params, cfg.Params)
	params["application_name"] = d.application
	if cfg.Name != "" {
		params["application_name"] += " " + cfg.Name
	}
	return settings, nil
}

func (c PoolConfig) validate() error {
	var faults []error
	// 63 bytes is what Postgres keeps of an application name: 40 of the
	// program, a space, 22 of the pool.
	if err := checkApplicationName(c.Name, 22); err != nil {
		faults = append(faults, err)
	}
	if c.MaxConns < 0 {
		faults = append(faults, fmt.Errorf("size %d: less than none", c.MaxConns))
	}
	for name := range c.Params {
		if !settingName.MatchString(name) || name == "application_name" {
			faults = append(faults, fmt.Errorf("server setting %q: not possible here", name))
		}
	}
	return errors.Join(faults...)
}
