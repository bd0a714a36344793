package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"graphpatch/internal/proof"
)

// Link is where the chain of a run stands. The zero Link is none: the run is older than the chain.
type Link struct {
	Commit int32
	Digest string // in hexadecimal
}

// String is what a later look at the chain is held against.
func (k Link) String() string {
	if k.Digest == "" {
		return ""
	}
	return fmt.Sprintf("commit %d, digest %s", k.Commit, k.Digest)
}

// leaves are the events of one run in one commit: their rows and their leaves.
type leaves struct {
	rows    []int32
	digests [][]byte
}

func (l *leaves) add(row int32, leaf proof.Digest) {
	l.rows = append(l.rows, row)
	l.digests = append(l.digests, leaf[:])
}

// inBinary has values come as Postgres sends them in binary, which is how they stand under a digest.
var inBinary = pgx.QueryResultFormats{pgx.BinaryFormatCode}

var (
	publicEvent = strings.Join(proof.EventColumns, ", ")
	wholeEvent  = publicEvent + ", " + strings.Join(proof.PersonalEventColumns, ", ")
)

var wholeEventColumns = len(proof.EventColumns) + len(proof.PersonalEventColumns)

// scanFirst takes the first two of so many columns, which are run and row; the others are read as they came.
func scanFirst(columns int, run *int64, row *int32) []any {
	targets := make([]any, columns)
	targets[0], targets[1] = run, row
	return targets
}

// eventLeaf is the leaf of an event of which all columns were read in binary.
func eventLeaf(values [][]byte) proof.Digest {
	public := len(proof.EventColumns)
	return proof.Leaf(proof.AppendValues(nil, values[:public]), proof.Personal(proof.AppendValues(nil, values[public:])))
}

// personal is the hash of the event's personal values as they are stored.
func (e *Event) personal() proof.Digest {
	b := make([]byte, 0, 12+len(e.RequestBody)+len(e.ResponseBody)+len(e.Error))
	b = proof.AppendValue(proof.AppendValue(b, e.RequestBody), e.ResponseBody)
	var problem []byte
	if s := text(e.Error); s != nil {
		problem = []byte(*s)
	}
	return proof.Personal(proof.AppendValue(b, problem))
}

// leavesOf adds the leaves of events that were inserted to counts. rows are their public columns; each calls seen with its
// event.
func leavesOf(rows pgx.Rows, events []Event, counts map[int64]*tally, seen func(*Event)) error {
	byID := make(map[uuid.UUID]*Event, len(events))
	for i := range events {
		byID[events[i].ID] = &events[i]
	}
	var id uuid.UUID
	targets := make([]any, len(proof.EventColumns))
	targets[slices.Index(proof.EventColumns, "client_request_id")] = &id
	var public []byte
	_, err := pgx.ForEachRow(rows, targets, func() error {
		e := byID[id]
		public = proof.AppendValues(public[:0], rows.RawValues())
		tallyOf(counts, e.Run).leaves.add(e.Row, proof.Leaf(public, e.personal()))
		seen(e)
		return nil
	})
	return err
}

// begin makes the chain's first link, out of what the run is and its rows.
func begin(ctx context.Context, tx pgx.Tx, run int64, ofSlices []proof.Slice) error {
	facts, err := tx.Query(ctx, proof.RunFacts, inBinary, run)
	if err != nil {
		return fmt.Errorf("read what the run is: %w", err)
	}
	content, err := pgx.CollectExactlyOneRow(facts, func(row pgx.CollectableRow) (proof.Digest, error) {
		return proof.ImportContent(row.RawValues(), ofSlices), nil
	})
	if err != nil {
		return fmt.Errorf("read what the run is: %w", err)
	}
	rows, digests := make([]int32, len(ofSlices)), make([][]byte, len(ofSlices))
	for i := range ofSlices {
		rows[i], digests[i] = ofSlices[i].First, ofSlices[i].Digest[:]
	}
	link := proof.Link(proof.Digest{}, content)
	_, err = tx.Exec(ctx, `
		WITH begun AS (UPDATE run_count SET digest = $4 WHERE run = $1)
		INSERT INTO audit_commit (run, number, rows, digests, digest) VALUES ($1, 0, $2, $3, $4)`,
		run, pgtype.FlatArray[int32](rows), pgtype.FlatArray[[]byte](digests), link[:])
	if err != nil {
		return fmt.Errorf("begin the chain: %w", err)
	}
	return nil
}

// extend adds a link to the chain of a run in a commit that changes no counts. It locks them.
func extend(ctx context.Context, tx pgx.Tx, run int64, l *leaves) (link Link, err error) {
	content := proof.Content(run, l.rows, l.digests)
	err = tx.QueryRow(ctx, `
		WITH bumped AS (
			UPDATE run_count SET `+chainBump+` WHERE run = $1
			RETURNING commits, digest
		), linked AS (`+chainLink+`)
		SELECT commits, coalesce(encode(digest, 'hex'), '') FROM bumped`, run, content[:], l.rows, l.digests).Scan(&link.Commit, &link.Digest)
	if err != nil {
		return Link{}, fmt.Errorf("extend the chain of run %d: %w", run, err)
	}
	return link, nil
}

// The pieces of SQL that extend a run's chain, with the counts of the run in bumped: $1 is the run, $2 what the link says, $3
// and $4 the rows and leaves. Runs without a chain have none to extend.
const (
	chainBump = `commits = commits + (digest IS NOT NULL)::integer, digest = sha256(digest || $2)`
	chainLink = `
			INSERT INTO audit_commit (run, number, rows, digests, digest)
			SELECT $1, commits, $3::integer[], $4::bytea[], digest FROM bumped WHERE digest IS NOT NULL`
)
