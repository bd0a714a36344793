package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
)

// Database are the flags that say where the database is.
type Database struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Postgres 14 or newer. Not set: a private server made of the installed PostgreSQL programs."`
	DataDir     string `name:"data-dir" env:"GRAPHPATCH_DATA_DIR" placeholder:"DIR" help:"Where the private server keeps its data, instead of your data home."`
}

// Format writes the flags without the URL, which may hold a password.
func (d Database) Format(f fmt.State, _ rune) {
	url := ""
	if d.DatabaseURL != "" {
		url = "***"
	}
	_, _ = fmt.Fprintf(f, "{DatabaseURL:%s DataDir:%s}", url, d.DataDir) // fmt keeps the error to itself
}

// checkArguments refuses a password among the arguments, which the system shows to every user of the machine.
func checkArguments(args []string) error {
	const flag = "--database-url"
	for i, arg := range args {
		address, ok := strings.CutPrefix(arg, flag+"=")
		if arg == flag && i+1 < len(args) {
			address, ok = args[i+1], true
		}
		if ok && postgres.HasPassword(address) {
			return fmt.Errorf("%s: every user of this machine can read a password on the command line: put the URL into DATABASE_URL, or the password alone into PGPASSWORD or ~/.pgpass", flag)
		}
	}
	return nil
}

// Open opens the database; Close the result when done.
func (d Database) Open(ctx context.Context, program string) (*postgres.Database, error) {
	return d.open(ctx, postgres.Config{ApplicationName: "graphpatch " + program})
}

func (d Database) open(ctx context.Context, config postgres.Config) (*postgres.Database, error) {
	dir := d.DataDir
	if dir != "" {
		// Not kong's type path: for that, a variable that is set and empty means the current folder.
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, fmt.Errorf("GRAPHPATCH_DATA_DIR: %w", err)
		}
	}
	config.URL, config.DataDir = d.DatabaseURL, dir
	return postgres.Open(ctx, config)
}

// rolesOf are the rights that each program's database user needs.
var rolesOf = map[string]postgres.Role{
	"enqueue": postgres.EnqueueRole, "worker": postgres.WorkerRole, "check": postgres.WorkerRole, "audit": postgres.AuditRole,
}

// Pools are the connections a command works with.
type Pools struct {
	Main   *pgxpool.Pool // River's, and whatever is no ledger's
	Ledger *pgxpool.Pool // nil for a command that only reads
	budget *pgxpool.Pool // nil for a command that sends nothing
	db     *postgres.Database
	role   postgres.Role
}

// OpenBudgets opens the connections on which the budgets of so many tenants are kept: Served.OpenBudget needs them.
func (p *Pools) OpenBudgets(ctx context.Context, tenants int) (err error) {
	config := postgres.BudgetConfig()
	config.MaxConns += int32(min(max(tenants-1, 0), 20)) // one that waits for its row must not keep the others waiting
	p.budget, err = p.db.Pool(ctx, config)
	return err
}

// ConnectToRead opens the database and checks that its schema is the one this program was built for. The error names the
// command that migrates it.
func (d Database) ConnectToRead(ctx context.Context, program string) (*Pools, error) {
	return d.connect(ctx, program, postgres.Config{}, (*Pools).connectToRead)
}

// ConnectAsOwner is ConnectToRead for a command that takes the owner of the tables.
func (d Database) ConnectAsOwner(ctx context.Context, program string) (*Pools, error) {
	return d.connect(ctx, program, postgres.Config{}, func(p *Pools, ctx context.Context) error {
		if err := p.connectToRead(ctx); err != nil {
			return err
		}
		owns, err := postgres.OwnsTables(ctx, p.Main)
		if err == nil && !owns {
			err = errors.New(`that takes the user who owns the tables, as "worker migrate" does`)
		}
		return err
	})
}

// Join is ConnectToRead for a command that can do without a database: it starts no private server. The error is
// postgres.ErrNotRunning when none runs.
func (d Database) Join(ctx context.Context, program string) (*Pools, error) {
	return d.connect(ctx, program, postgres.Config{OnlyRunning: true}, (*Pools).connectToRead)
}

// Connect is ConnectToRead for a command that also writes: River's tables must be there, too.
func (d Database) Connect(ctx context.Context, program string) (*Pools, error) {
	return d.connect(ctx, program, postgres.Config{}, (*Pools).connectToWrite)
}

func (d Database) connect(ctx context.Context, program string, config postgres.Config, connect func(*Pools, context.Context) error) (*Pools, error) {
	config.ApplicationName = "graphpatch " + program
	db, err := d.open(ctx, config)
	if err != nil {
		return nil, err
	}
	p := &Pools{db: db, role: rolesOf[program]}
	if err := connect(p, ctx); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

func (p *Pools) connectToRead(ctx context.Context) (err error) {
	if p.Main, err = p.db.Pool(ctx, postgres.PoolConfig{}); err != nil {
		return err
	}
	if err := postgres.CheckSchema(ctx, p.Main); err != nil {
		return postgres.ExplainRefusal(ctx, p.Main, p.role, err)
	}
	return postgres.CheckRights(ctx, p.Main, p.role)
}

func (p *Pools) connectToWrite(ctx context.Context) error {
	if err := p.connectToRead(ctx); err != nil {
		return err
	}
	migrated, err := jobs.Migrated(ctx, p.Main)
	if err != nil {
		return err
	}
	if !migrated {
		return errors.New(`the tables of River are older than this program needs: run "worker migrate"`)
	}
	p.Ledger, err = p.db.Pool(ctx, postgres.LedgerConfig(ledgerConns))
	return err
}

// ledgerConns is enough for the claims of every slice at work, two recorders and the looks in between. Several tenants
// share them: a claim takes milliseconds, and none is held while Graph is waited for.
const ledgerConns = 12

// closeTime is what an embedded server is given to stop.
const closeTime = 30 * time.Second

// Close closes the pools and lets go of an embedded server, also after an interrupt.
func (p *Pools) Close(ctx context.Context) error {
	for _, pool := range []*pgxpool.Pool{p.Main, p.Ledger, p.budget} {
		if pool != nil {
			pool.Close()
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return p.db.Close(ctx)
}

// Migrate brings the database to the schema this program was built for, and says what it did.
func (d Database) Migrate(ctx context.Context, w io.Writer) (err error) {
	db, err := d.Open(ctx, "migrate")
	if err != nil {
		return err
	}
	p := &Pools{db: db}
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	from, to, err := postgres.Migrate(ctx, db.URL)
	if err != nil {
		return err
	}
	if p.Main, err = db.Pool(ctx, postgres.PoolConfig{}); err != nil {
		return err
	}
	steps, err := jobs.Migrate(ctx, p.Main)
	if err != nil {
		return err
	}
	if err := ledger.New(p.Main, "").MakeMonths(ctx); err != nil {
		return err
	}
	left, err := postgres.GrantRights(ctx, p.Main)
	if err != nil {
		return err
	}
	done := fmt.Sprintf("The schema is up to date (version %d).\n", to)
	if from != to || steps > 0 {
		done = fmt.Sprintf("The schema went from version %d to %d; River's tables took %d steps.\n", from, to, steps)
	}
	_, err = io.WriteString(w, done+left.Advice())
	return err
}
