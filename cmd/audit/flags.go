package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

// reading opens the audit for as long as read takes.
func reading(ctx context.Context, database cli.Database, read func(*audit.Audit) error) error {
	return readingFrom(ctx, database, func(pool *pgxpool.Pool) error { return read(audit.New(pool)) })
}

// readingFrom opens the database for as long as read takes.
func readingFrom(ctx context.Context, database cli.Database, read func(*pgxpool.Pool) error) (err error) {
	pools, err := database.ConnectToRead(ctx, "audit")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	return read(pools.Main)
}

// owning opens the database as the tables' owner for as long as change takes.
func owning(ctx context.Context, database cli.Database, change func(*ledger.Ledger) error) (err error) {
	pools, err := database.ConnectAsOwner(ctx, "audit")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	return change(ledger.New(pools.Main, ""))
}

func noNegative(limit int) error {
	if limit < 0 {
		return fmt.Errorf("--limit=%d: use a number of lines, or 0 for all", limit)
	}
	return nil
}

// monthNumber is a month of a flag, which reads itself so that a fault is wrong usage.
type monthNumber int

func (m *monthNumber) UnmarshalText(b []byte) error {
	month, err := audit.ParseMonth(string(b))
	*m = monthNumber(month)
	return err
}
