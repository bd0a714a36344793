package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

// The types of flags that are more than a text: each reads itself, so that a fault is wrong usage and names its flag.
type (
	tenantID    uuid.UUID
	runNumber   int64
	outcome     string
	statusRange audit.StatusRange
	userPattern audit.UserPattern
	monthNumber int
)

func (t *tenantID) UnmarshalText(b []byte) error {
	id, err := uuid.ParseBytes(b)
	if err != nil {
		return fmt.Errorf("%q is no GUID", b)
	}
	*t = tenantID(id)
	return nil
}

func (n *runNumber) UnmarshalText(b []byte) error {
	run, err := audit.ParseRun(string(b))
	*n = runNumber(run)
	return err
}

func (m *monthNumber) UnmarshalText(b []byte) error {
	month, err := audit.ParseMonth(string(b))
	*m = monthNumber(month)
	return err
}

func (o *outcome) UnmarshalText(b []byte) error {
	name, err := audit.ParseOutcome(string(b))
	*o = outcome(name)
	return err
}

func (r *statusRange) UnmarshalText(b []byte) error {
	status, err := audit.ParseStatus(string(b))
	*r = statusRange(status)
	return err
}

func (u *userPattern) UnmarshalText(b []byte) error {
	user, err := audit.ParseUser(string(b))
	*u = userPattern(user)
	return err
}

// localLayouts are read in the zone of the person: the tables show times like that.
var localLayouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"}

// parseTime reads a time with its zone, a time or a date in the zone of now, or a duration before now. With end, a date
// means the end of that day, because "until Monday" has Monday in it.
func parseTime(s string, now time.Time, end bool) (time.Time, error) {
	if ago, ok := parseAgo(s); ok {
		return now.Add(-ago), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range localLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	t, err := time.ParseInLocation(time.DateOnly, s, now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-23, 2026-11-23T15:04:05Z, or how long ago: 90m, 2h, 7d", s)
	}
	if end {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// parseAgo reads a duration of Go's, or a number of days.
func parseAgo(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

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
