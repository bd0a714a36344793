package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"graphpatch/internal/proof"
	"graphpatch/internal/userstatus"
)

// copyRows streams the rows of a run into its month and returns how many Postgres took, and the digests of their slices.
// It writes COPY's binary format itself, because pgx puts each value into an interface and looks up how its type is
// encoded: with that, Postgres would wait for the rows and not they for it.
func copyRows(ctx context.Context, tx pgx.Tx, run int64, rows iter.Seq2[userstatus.Row, error]) (copied int64, slices []proof.Slice, err error) {
	s := newCopyStream(run, rows)
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, s, copyStatement(run))
	s.close()
	switch {
	case s.err != nil:
		return 0, nil, s.err // Postgres only hands its text back
	case err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		// pgconn closes the connection when the context ends, and may then say only that it is closed.
		return 0, nil, fmt.Errorf("copy the rows: %w: %w", ctx.Err(), err)
	case err != nil:
		return 0, nil, fmt.Errorf("copy the rows: %w", err)
	}
	return tag.RowsAffected(), s.slices.Done(), nil
}

// copyStatement goes straight into the month: the partitioned table would look for the partition row by row.
func copyStatement(run int64) string {
	names := make([]string, len(updateColumns))
	for i, c := range updateColumns {
		names[i] = c.name
	}
	month := strconv.FormatInt(run/1_000_000, 10)
	return "COPY status_update_" + month + " (" + strings.Join(names, ", ") + ") FROM STDIN (FORMAT binary)"
}

// copyStream is rows in COPY's binary format, encoded as they are read. It has no more in memory than a read asks for
// and one row.
type copyStream struct {
	// mu, because pgconn reads on a goroutine of its own, and does not wait for it when the connection is lost.
	mu   sync.Mutex
	next func() (userstatus.Row, error, bool)
	stop func()

	row    runRow
	slices proof.Slices
	err    error // the source's
	ended  bool
	buf    []byte
	given  int // of buf
}

const (
	// copyHeader is the signature, no flags, and no bytes of an extension.
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

func newCopyStream(run int64, rows iter.Seq2[userstatus.Row, error]) *copyStream {
	next, stop := iter.Pull2(rows)
	return &copyStream{row: runRow{run: run}, next: next, stop: stop, buf: []byte(copyHeader)}
}

// Read fills p whenever there are rows for it, because each read becomes a message to the server.
func (s *copyStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && len(s.buf)-s.given < len(p) {
		s.buf, s.given = s.buf[:copy(s.buf, s.buf[s.given:])], 0
		s.fill(len(p))
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.given == len(s.buf):
		return 0, io.EOF
	}
	n := copy(p, s.buf[s.given:])
	s.given += n
	return n, nil
}

// fill encodes rows until there are so many bytes, or no more rows.
func (s *copyStream) fill(enough int) {
	for len(s.buf) < enough {
		row, err, ok := s.next()
		if !ok || err != nil {
			s.err, s.ended = err, true
			s.buf = append(s.buf, copyTrailer...)
			return
		}
		s.row.Row = row
		var leaf proof.Digest
		s.buf, leaf = s.row.append(s.buf)
		s.slices.Add(row.Number, leaf)
	}
}

// close ends the source, after a read that is under way; what is read after it is nothing.
func (s *copyStream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	s.ended, s.buf, s.given = true, nil, 0
}
