package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/cli"
	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
)

// desk is what every command of enqueue writes with.
type desk struct {
	books    *ledger.Ledger
	enqueuer *jobs.Enqueuer
	pool     *pgxpool.Pool
}

// atDesk opens the database for as long as work takes.
func atDesk(ctx context.Context, database cli.Database, work func(desk) error) (err error) {
	pools, err := database.Connect(ctx, "enqueue")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	books := ledger.New(pools.Ledger, "enqueue")
	enqueuer, err := jobs.NewEnqueuer(pools.Main, books)
	if err != nil {
		return err
	}
	return work(desk{books, enqueuer, pools.Main})
}
