package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Finding is something that is not as it was recorded, or does not add up.
type Finding struct {
	Run    int64  `json:"run"`              // 0: about a month
	Row    *int32 `json:"row,omitempty"`    // 0: the run itself
	Commit *int32 `json:"commit,omitempty"` // of the run's chain
	What   string `json:"what"`             // altered, inserted, missing, miscounted or overdue
	Detail string `json:"detail"`
}

// The kinds of findings. The first three are what nobody can do but with the rights of the tables' owner.
const (
	altered    = "altered"
	inserted   = "inserted"
	missing    = "missing"
	miscounted = "miscounted"
	overdue    = "overdue"
)

// VerifyFilter says what is verified. The zero VerifyFilter is everything.
type VerifyFilter struct {
	Run   int64 // 0: every run
	Month int   // yyyymm; 0: every month
	// Lease is how long a row may be in flight, with what maintenance needs to notice; 0: any time.
	Lease time.Duration
	// Against are digests that were exported before.
	Against Exported
}

// Verified counts what was looked at.
type Verified struct {
	Runs      int `json:"runs"`
	Rows      int `json:"rows"`
	Events    int `json:"events"`
	Commits   int `json:"commits"`
	Exported  int `json:"exported"`  // digests that were exported before, and were held against
	Erased    int `json:"erased"`    // events and rows from which a person's values were removed
	Unchained int `json:"unchained"` // runs that are older than the chain
	Purged    int `json:"purged"`    // runs whose rows and events were purged
	Findings  int `json:"findings"`
}

// Verify works out anew every digest of the runs and calls found with what is not as it was recorded. Each run is read from
// one snapshot, with no more of it in memory than a slice. The error is ErrNoRun, that of found, or one of reading.
func (a *Audit) Verify(ctx context.Context, f VerifyFilter, found func(Finding) error) (Verified, error) {
	v := &verifier{filter: f, found: found}
	runs, err := a.runsToVerify(ctx, f)
	if err != nil {
		return v.seen, err
	}
	if err := a.verifyPurged(ctx, v); err != nil {
		return v.seen, err
	}
	for _, run := range runs {
		snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		err := pgx.BeginTxFunc(ctx, a.pool, snapshot, func(tx pgx.Tx) error {
			// Before there is a snapshot, so that no month goes away behind it.
			if _, err := tx.Exec(ctx, `LOCK TABLE audit_event, status_update, audit_commit IN ACCESS SHARE MODE`); err != nil {
				return err
			}
			r, err := newRunVerifier(ctx, tx, v, run)
			if err != nil {
				return err
			}
			return r.verify(ctx)
		})
		switch {
		case errors.Is(err, pgx.ErrNoRows): // gone since the list was read, which nobody may do
			err = v.report(Finding{Run: run, What: missing, Detail: "the run is gone"})
		case err != nil:
			err = fmt.Errorf("verify run %d: %w", run, err)
		}
		if err != nil {
			return v.seen, err
		}
	}
	return v.seen, a.verifyStrays(ctx, v, runs)
}

// verifier is what one Verify has come to.
type verifier struct {
	filter VerifyFilter
	found  func(Finding) error
	seen   Verified
}

func (v *verifier) report(f Finding) error {
	v.seen.Findings++
	return v.found(f)
}

// runsToVerify are the runs that the filter asks for, in their order.
func (a *Audit) runsToVerify(ctx context.Context, f VerifyFilter) ([]int64, error) {
	rows, err := a.pool.Query(ctx, `
		SELECT id FROM run WHERE ($1::bigint = 0 OR id = $1) AND ($2::bigint = 0 OR id / 1000000 = $2) ORDER BY id`, f.Run, f.Month)
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	if f.Run != 0 && len(runs) == 0 && len(f.Against[f.Run]) == 0 {
		return nil, noRun(f.Run)
	}
	return runs, nil
}

// verifyStrays looks for runs that are known from elsewhere only: from what was exported before, or from events, rows and
// links that lie about. Each table is asked for its next run after the one before, which is an index look-up.
func (a *Audit) verifyStrays(ctx context.Context, v *verifier, runs []int64) error {
	known := make(map[int64]bool, len(runs))
	for _, run := range runs {
		known[run] = true
	}
	for _, run := range v.filter.Against.runs() {
		if !known[run] && v.filter.covers(run) {
			if err := v.report(Finding{Run: run, What: missing, Detail: "the run was exported before, and is gone"}); err != nil {
				return err
			}
		}
	}
	for _, table := range [...]string{"audit_event", "status_update", "audit_commit"} {
		rows, err := a.pool.Query(ctx, `
			WITH RECURSIVE held AS (
				SELECT min(run) AS run FROM `+table+`
				UNION ALL
				SELECT (SELECT min(run) FROM `+table+` WHERE run > held.run) FROM held WHERE held.run IS NOT NULL
			)
			SELECT run FROM held WHERE run IS NOT NULL AND NOT EXISTS (SELECT FROM run WHERE id = held.run)`)
		if err != nil {
			return fmt.Errorf("look for strays: %w", err)
		}
		strays, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("look for strays: %w", err)
		}
		for _, run := range strays {
			if !v.filter.covers(run) {
				continue
			}
			if err := v.report(Finding{Run: run, What: missing, Detail: "there is no such run, but it is in " + table}); err != nil {
				return err
			}
		}
	}
	return nil
}

// covers reports whether the filter asks for the run.
func (f *VerifyFilter) covers(run int64) bool {
	return (f.Run == 0 || f.Run == run) && (f.Month == 0 || int64(f.Month) == run/1_000_000)
}
