package audit

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/proof"
)

// runVerifier verifies one run in one snapshot.
type runVerifier struct {
	*verifier
	tx    pgx.Tx
	run   int64
	state string
	purge bool // rows and events were removed with their month
	count map[string]int64

	commits int32  // as the counts have it
	digest  []byte // nil: older than the chain

	slices map[int32]proof.Digest // by their first rows, as the import recorded them
	rows   int64                  // that were found
	final  map[string]int64       // final events that were found, by outcome
	other  map[string]int64
}

// counted are the columns of run_count that count events; the settling ones count rows.
const counted = `rows, applied, rejected, failed, unchanged, superseded, moved, missing, observed, throttled, unauthorized, refused, transient, unknown, late`

func newRunVerifier(ctx context.Context, tx pgx.Tx, v *verifier, run int64) (*runVerifier, error) {
	r := &runVerifier{
		verifier: v, tx: tx, run: run, count: map[string]int64{}, slices: map[int32]proof.Digest{},
		final: map[string]int64{}, other: map[string]int64{},
	}
	rows, err := tx.Query(ctx, `
		SELECT r.state, EXISTS (SELECT FROM audit_purge WHERE month = r.id / 1000000), c.commits, c.digest, `+counted+`
		FROM run r JOIN run_count c ON c.run = r.id WHERE r.id = $1`, run)
	if err != nil {
		return nil, err
	}
	_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (struct{}, error) {
		values, err := row.Values()
		if err != nil {
			return struct{}{}, err
		}
		r.state, r.purge, r.commits = values[0].(string), values[1].(bool), values[2].(int32)
		r.digest, _ = values[3].([]byte)
		for i, field := range row.FieldDescriptions()[4:] {
			r.count[field.Name] = int64(values[4+i].(int32))
		}
		return struct{}{}, nil
	})
	return r, err
}

func (r *runVerifier) finding(what string, row, commit *int32, format string, args ...any) error {
	return r.report(Finding{Run: r.run, Row: row, Commit: commit, What: what, Detail: fmt.Sprintf(format, args...)})
}

func (r *runVerifier) verify(ctx context.Context) error {
	r.seen.Runs++
	if r.purge {
		r.seen.Purged++
		return r.verifyEnd()
	}
	steps := []func(context.Context) error{r.verifyChain, r.verifySlices, r.verifyCounts, r.verifyFlights}
	if r.digest == nil {
		// Without a chain there is no telling who wrote what; that rows and counts agree can be told.
		r.seen.Unchained++
		steps[0] = r.verifyUnchained
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// verifyUnchained finds a run that lost its chain: links are left, or it was exported before, or a run before has one.
func (r *runVerifier) verifyUnchained(ctx context.Context) error {
	var lost bool
	err := r.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM audit_commit WHERE run = $1) OR EXISTS (SELECT FROM run_count WHERE run < $1 AND digest IS NOT NULL)`, r.run).Scan(&lost)
	if err != nil {
		return err
	}
	if lost || len(r.filter.Against[r.run]) > 0 {
		return r.finding(missing, nil, nil, "the end of the chain")
	}
	return nil
}

// verifyChain works out the digest of each link from the one before.
func (r *runVerifier) verifyChain(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, `SELECT number, rows, digests, digest FROM audit_commit WHERE run = $1 ORDER BY number`, r.run)
	if err != nil {
		return err
	}
	defer rows.Close()
	links, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l link, err error) {
		var of []int32
		var digests [][]byte
		var digest []byte
		if err := row.Scan(&l.number, &of, &digests, &digest); err != nil {
			return l, err
		}
		l.digest = asDigest(digest)
		if l.number > 0 {
			l.content = proof.Content(r.run, of, digests)
			return l, nil
		}
		for i := range min(len(of), len(digests)) {
			l.slices = append(l.slices, proof.Slice{First: of[i], Digest: asDigest(digests[i])})
		}
		return l, nil
	})
	if err != nil {
		return err
	}
	r.seen.Commits += len(links)
	return r.verifyLinks(ctx, links)
}

// link is one of a chain; content is of what it says, slices those of number 0.
type link struct {
	number          int32
	content, digest proof.Digest
	slices          []proof.Slice
}

func asDigest(b []byte) (d proof.Digest) {
	copy(d[:], b)
	return d
}

func (r *runVerifier) verifyLinks(ctx context.Context, links []link) error {
	heads := r.filter.Against[r.run]
	var previous proof.Digest
	next := int32(0)
	for i := range links {
		l := &links[i]
		known := l.number == next
		if !known {
			if err := r.missingLinks(next, l.number-1); err != nil {
				return err
			}
		}
		if l.number == 0 {
			if err := r.readImport(ctx, l); err != nil {
				return err
			}
		}
		if known && proof.Link(previous, l.content) != l.digest {
			what := "the commit is not the one that was recorded"
			if l.number == 0 {
				what = "the run is not the one that was imported: its source, options, actor or time, or the digests of its rows"
			}
			if err := r.finding(altered, nil, &l.number, "%s", what); err != nil {
				return err
			}
		}
		for len(heads) > 0 && heads[0].Commit <= l.number {
			if heads[0].Commit == l.number {
				if err := r.compare(heads[0], l.digest[:]); err != nil {
					return err
				}
			}
			heads = heads[1:]
		}
		previous, next = l.digest, l.number+1
	}
	if err := r.missingHeads(heads); err != nil {
		return err
	}
	switch {
	case next <= r.commits:
		return r.missingLinks(next, r.commits)
	case next-1 != r.commits || previous != asDigest(r.digest):
		return r.finding(altered, nil, &r.commits, "the end of the chain that stands beside the counts is another than the chain's")
	}
	return nil
}

// readImport takes the slices of link 0 and works out what it says from what the run is now.
func (r *runVerifier) readImport(ctx context.Context, l *link) error {
	for _, s := range l.slices {
		r.slices[s.First] = s.Digest
	}
	rows, err := r.tx.Query(ctx, proof.RunFacts, pgx.QueryResultFormats{pgx.BinaryFormatCode}, r.run)
	if err != nil {
		return err
	}
	l.content, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (proof.Digest, error) {
		return proof.ImportContent(row.RawValues(), l.slices), nil
	})
	return err
}

func (r *runVerifier) missingLinks(from, to int32) error {
	if from == to {
		return r.finding(missing, nil, &from, "the commit is gone")
	}
	return r.finding(missing, nil, &from, "the commits %d to %d are gone", from, to)
}

// verifyEnd holds what was exported of a purged run against the end of its chain, which is all that is left of it.
func (r *runVerifier) verifyEnd() error {
	var later []Head
	for _, h := range r.filter.Against[r.run] {
		switch {
		case h.Commit > r.commits:
			later = append(later, h)
		case h.Commit == r.commits:
			if err := r.compare(h, r.digest); err != nil {
				return err
			}
		}
	}
	return r.missingHeads(later)
}

func (r *runVerifier) compare(h Head, digest []byte) error {
	r.seen.Exported++
	if h.Digest == hex.EncodeToString(digest) {
		return nil
	}
	return r.finding(altered, nil, &h.Commit, "its digest was exported as %s, and is %x: something up to this commit was rewritten", h.Digest, digest)
}

func (r *runVerifier) missingHeads(heads []Head) error {
	for _, h := range heads {
		r.seen.Exported++
		if err := r.finding(missing, nil, &h.Commit, "the commit was exported before, and is gone"); err != nil {
			return err
		}
	}
	return nil
}
