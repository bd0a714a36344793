package audit

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/proof"
)

// verifyPurged holds the months that were purged against what was kept of them.
func (a *Audit) verifyPurged(ctx context.Context, v *verifier) error {
	rows, err := a.pool.Query(ctx, `SELECT month, digest FROM audit_purge ORDER BY month`)
	if err != nil {
		return fmt.Errorf("read what was purged: %w", err)
	}
	kept := map[int64]proof.Digest{}
	var month int64
	var digest []byte
	if _, err := pgx.ForEachRow(rows, []any{&month, &digest}, func() error { kept[month] = asDigest(digest); return nil }); err != nil {
		return fmt.Errorf("read what was purged: %w", err)
	}
	for month, digest := range kept {
		now, err := a.monthDigest(ctx, month)
		if err != nil {
			return err
		}
		if now == digest || v.filter.Month != 0 && int64(v.filter.Month) != month || v.filter.Run != 0 && v.filter.Run/1_000_000 != month {
			continue
		}
		if err := v.report(Finding{What: altered, Detail: fmt.Sprintf("the ends of the chains of month %d are not those that were kept when it was purged", month)}); err != nil {
			return err
		}
	}
	return nil
}

// monthDigest sums up the ends of the chains of a month's runs.
func (a *Audit) monthDigest(ctx context.Context, month int64) (proof.Digest, error) {
	rows, err := a.pool.Query(ctx, `
		SELECT r.id, c.commits, c.digest FROM run r JOIN run_count c ON c.run = r.id WHERE r.id / 1000000 = $1 ORDER BY r.id`, month)
	if err != nil {
		return proof.Digest{}, fmt.Errorf("read the ends of the chains: %w", err)
	}
	var sum proof.Month
	var run int64
	var commits int32
	var digest []byte
	if _, err := pgx.ForEachRow(rows, []any{&run, &commits, &digest}, func() error { sum.Add(run, commits, digest); return nil }); err != nil {
		return proof.Digest{}, fmt.Errorf("read the ends of the chains: %w", err)
	}
	return sum.Digest(), nil
}
