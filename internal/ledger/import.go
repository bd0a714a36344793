package ledger

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/userstatus"
)

// Import writes a run and its rows in the caller's transaction: all in or none in. last is the highest row number; the
// caller adds a slice for each SliceRows of it. The rows are streamed, whatever their number. Partitions must be there
// (MakeMonths).
func Import(ctx context.Context, tx pgx.Tx, n NewRun, rows iter.Seq2[userstatus.Row, error]) (count, last int32, err error) {
	// Held until the commit, for whoever drains: an import under way is work to come.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1, hashtext($2))`, importLock, n.Tenant.String()); err != nil {
		return 0, 0, fmt.Errorf("announce the import: %w", err)
	}
	if err := create(ctx, tx, n); err != nil {
		return 0, 0, err
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	source := &copySource{run: n.ID, next: next}
	// Straight into the month: going through the partitioned table would look for the partition row by row.
	month := strconv.FormatInt(n.ID/1_000_000, 10)
	copied, err := tx.CopyFrom(ctx, pgx.Identifier{"status_update_" + month}, updateColumns, source)
	if source.err != nil {
		return 0, 0, source.err // Postgres only hands its text back
	}
	if err != nil {
		return 0, 0, fmt.Errorf("copy the rows: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO run_count (run, rows) VALUES ($1, $2)`, n.ID, copied); err != nil {
		return 0, 0, fmt.Errorf("insert the counts: %w", err)
	}
	if err := runEvent(ctx, tx, n.ID, "enqueued", n.Actor, ""); err != nil {
		return 0, 0, err
	}
	return int32(copied), source.last, nil
}

// importLock is the class of the advisory locks that imports hold, keyed by tenant.
const importLock = 0x6770 // "gp"

// Importing reports whether an import for the tenant is under way.
func (l *Ledger) Importing(ctx context.Context, tenant uuid.UUID) (bool, error) {
	var free bool
	err := l.pool.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, hashtext($2))`, importLock, tenant.String()).Scan(&free)
	if err != nil {
		return false, fmt.Errorf("look for imports: %w", err)
	}
	return !free, nil
}

var updateColumns = []string{
	"run", "row", "line", "target", "route", "device_configuration_id", "certificate_id", "user_status_id", "asks",
	"user_display_name", "devices_count", "status", "last_reported_date_time", "user_principal_name", "other",
}

// copySource turns rows into the values of updateColumns, one row in memory at a time.
type copySource struct {
	run    int64
	next   func() (userstatus.Row, error, bool)
	row    userstatus.Row
	last   int32
	err    error
	values [15]any
}

func (s *copySource) Next() bool {
	row, err, ok := s.next()
	if !ok || err != nil {
		s.err = err
		return false
	}
	s.row, s.last = row, max(s.last, row.Number)
	return true
}

func (s *copySource) Err() error { return s.err }

func (s *copySource) Values() ([]any, error) {
	t, w := s.row.Update.Target, s.row.Update.Wanted
	var certificate *string
	if t.CertificateID != "" {
		certificate = &t.CertificateID
	}
	var reported *string
	if d, ok := w.LastReportedDateTime.Get(); ok {
		given := d.Given()
		reported = &given
	}
	s.values = [15]any{
		s.run, s.row.Number, s.row.Line, t.Key(), t.Route, t.ConfigurationID, certificate, t.StatusID, int16(w.Asks()),
		w.UserDisplayName.Ptr(), w.DevicesCount.Ptr(), (*string)(w.Status.Ptr()), reported, w.UserPrincipalName.Ptr(), s.row.Other,
	}
	return s.values[:], nil
}
