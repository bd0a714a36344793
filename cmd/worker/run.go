package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"graphpatch/internal/cli"
	"graphpatch/internal/console"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
)

type runCommand struct {
	Drain      bool       `help:"End when no run of any tenant served here has anything left to do without a person: rows that come again are waited for, held runs are named and not waited for. Exit code 1: a run was held meanwhile; 3: one finished with rows rejected or failed."`
	Listen     string     `placeholder:"ADDR" help:"Answer health checks at http://ADDR/healthz. Without a host, as in :8090, only this machine is answered; unix:PATH is a socket for this user alone."`
	Attempts   int        `env:"GRAPHPATCH_ATTEMPTS" default:"8" placeholder:"N" help:"Passing faults that a row may meet before it is given up; the waits between eight take about an hour (default ${default}). Throttling and waiting never count."`
	KeepMonths keepMonths `env:"GRAPHPATCH_KEEP_MONTHS" placeholder:"N" help:"Purge the rows and events of older months: so many whole months are kept besides this one. Not set: all of them are. It takes the user who owns the tables."`
	LogFormat  string     `enum:"text,json" default:"text" placeholder:"text|json" help:"How the log on standard error is written (default ${default})."`

	cli.ConfigFile
	cli.Graph
	cli.StoreBodies
	cli.Database
}

// Validate reports what does not go together; kong calls it.
func (c *runCommand) Validate() error {
	if c.Attempts < 1 || c.Attempts > 100 {
		return fmt.Errorf("--attempts %d: use 1 to 100", c.Attempts)
	}
	return nil
}

// keepMonths is a flag that reads itself.
type keepMonths int

func (m *keepMonths) UnmarshalText(b []byte) error {
	n, err := cli.ParseKeepMonths(string(b))
	*m = keepMonths(n)
	return err
}

// kept is how many months are kept: what the flag says, or else the file.
func (c *runCommand) kept(served []cli.Served) (int, error) {
	switch inFile := served[0].KeepMonths; {
	case inFile != 0 && c.KeepMonths != 0:
		return 0, errors.New("--keep-months (GRAPHPATCH_KEEP_MONTHS) and keep-months in the file: leave one of them out")
	case inFile != 0:
		return inFile, nil
	}
	return int(c.KeepMonths), nil
}

// Run works until ctx ends, or until nothing is left to do.
func (c *runCommand) Run(ctx context.Context, streams cli.Streams) (err error) {
	served, err := c.ConfigFile.Served(c.Graph)
	if err != nil {
		return cli.Usage(err)
	}
	if err := c.Keep(served); err != nil {
		return cli.Usage(err)
	}
	kept, err := c.kept(served)
	if err != nil {
		return cli.Usage(err)
	}
	tenants, err := cli.ConnectAll(ctx, served)
	if err != nil {
		return cli.Usage(err)
	}
	pools, err := c.Connect(ctx, "worker")
	if err != nil {
		tenants.Close()
		return err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	defer tenants.Close()
	if err := tenants.OpenBudgets(ctx, pools, served); err != nil {
		return err
	}
	owns, err := postgres.OwnsTables(ctx, pools.Main)
	if err != nil {
		return err
	}
	name := workerName()
	log := logger(c.LogFormat, streams.Err)
	books := ledger.New(pools.Ledger, name)
	worker, err := jobs.NewWorker(jobs.WorkerConfig{
		Name: name, Tenants: tenants, Attempts: c.Attempts, OwnsTables: owns, KeepMonths: kept, Pool: pools.Main, Ledger: books, Log: log,
		Reconciliations: tenants.Reconciliations(served),
	})
	if err != nil {
		return err
	}
	if c.Listen != "" {
		health, err := console.Listen(ctx, c.Listen, pools.Main.Ping)
		if err != nil {
			return errors.Join(cli.Usage(err), worker.Stop(ctx))
		}
		defer health.Close()
		log.Info("answering health checks", "at", health.Health())
	}
	relaxGC()
	for i, t := range tenants {
		log := log
		if t.Name != "" {
			log = log.With("tenant_name", t.Name)
		}
		log.Info("working", "worker", name, "tenant", t.ID, "write_limit", served[i].WriteLimit.String(), "read_limit", served[i].ReadLimit.String())
	}
	return c.work(ctx, worker, &drain{worker: worker, books: books, tenants: tenants, log: log, out: streams.Out})
}

// workerName is this process in claims, events and logs.
func workerName() string { return fmt.Sprintf("%s:%d", cli.Host(), os.Getpid()) }

// relaxGC has the collector run less often, unless the user says how often: the heap is a few MB of which nearly all is
// short-lived, and with Go's default a fifth of the CPU goes into looking through it again and again.
func relaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func logger(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
