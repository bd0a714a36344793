package ledger

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"graphpatch/internal/userstatus"
)

func given(rows ...userstatus.Row) iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// endless yields rows for as long as they are taken. before is called ahead of each; its error ends them.
type endless struct {
	before func(number int32) error
	ended  bool
}

func (e *endless) rows(yield func(userstatus.Row, error) bool) {
	defer func() { e.ended = true }()
	for number := int32(1); ; number++ {
		err := e.before(number)
		row := userstatus.Row{Number: number, Line: int64(number) + 1, Update: want(int(number), userstatus.Error)}
		if !yield(row, err) || err != nil {
			return
		}
	}
}

// refused imports the rows, which must fail, be over, and leave nothing.
func (k *kit) refused(ctx context.Context, e *endless) error {
	k.t.Helper()
	n := k.newRun(nil)
	err := pgx.BeginFunc(ctx, k.pool, func(tx pgx.Tx) error {
		_, err := Import(ctx, tx, n, e.rows)
		if !e.ended {
			k.t.Error("the rows go on after the import")
		}
		return err
	})
	if err == nil {
		k.t.Error("imported")
	}
	if got := k.count(`SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM status_update)`); got != 0 {
		k.t.Errorf("%d rows were left", got)
	}
	return err
}

// several is a row number that comes after a few messages to the server.
const several = 5000

func TestErrorOfTheSourceComesOutUnchanged(t *testing.T) {
	k := newKit(t)
	broken := &pgconn.PgError{Message: "not what it looks like"}
	// io.EOF and the end of the rows are not the same, though it ends a reader.
	for _, want := range []error{errors.New("the file changed"), broken, io.EOF} {
		for _, at := range []int32{1, 2, several} {
			e := &endless{before: func(number int32) error {
				if number == at {
					return want
				}
				return nil
			}}
			if err := k.refused(t.Context(), e); err != want { //nolint:errorlint // the very same
				t.Errorf("at row %d: got %v, want %v", at, err, want)
			}
		}
	}
}

func TestImportEndsWithTheContext(t *testing.T) {
	k := newKit(t)
	for _, at := range []int32{1, several} {
		ctx, cancel := context.WithCancel(t.Context())
		e := &endless{before: func(number int32) error {
			if number == at {
				cancel()
			}
			return nil // a source that does not care
		}}
		if err := k.refused(ctx, e); !errors.Is(err, context.Canceled) {
			t.Errorf("at row %d: got %v", at, err)
		}
	}
}

func TestServerRefusesARow(t *testing.T) {
	k := newKit(t)
	twice := &endless{before: func(int32) error { return nil }}
	err := pgx.BeginFunc(t.Context(), k.pool, func(tx pgx.Tx) error {
		_, err := Import(t.Context(), tx, k.newRun(nil), func(yield func(userstatus.Row, error) bool) {
			twice.rows(func(row userstatus.Row, err error) bool {
				row.Number = 1
				return yield(row, err)
			})
		})
		return err
	})
	if refusal, ok := errors.AsType[*pgconn.PgError](err); !ok || refusal.Code != "23505" || !twice.ended {
		t.Errorf("got %v, ended %v, want that a row is there already", err, twice.ended)
	}
}

// The server goes away while pgconn's goroutine reads rows.
func TestConnectionIsLostDuringTheImport(t *testing.T) {
	k := newKit(t)
	e := &endless{before: func(number int32) error {
		if number == several {
			_, err := k.pool.Exec(t.Context(), `
				SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY %'`)
			return err
		}
		return nil
	}}
	k.refused(t.Context(), e)
}

func TestStreamIsTheSameHoweverItIsRead(t *testing.T) {
	updates := []userstatus.Update{want(1, userstatus.Compliant), want(2, userstatus.Error), want(3, userstatus.Unknown)}
	for n := range len(updates) + 1 {
		stream := newCopyStream(1, rowsOf(updates[:n]))
		all, err := io.ReadAll(stream)
		if err != nil {
			t.Fatal(err)
		}
		stream.close()
		// Postgres does without the trailer, others that read the format do not.
		if text := string(all); !strings.HasPrefix(text, copyHeader) || !strings.HasSuffix(text, copyTrailer) {
			t.Errorf("got %q", text)
		}
		again := newCopyStream(1, rowsOf(updates[:n]))
		if err := iotest.TestReader(again, all); err != nil {
			t.Error(err)
		}
		again.close()
		one := newCopyStream(1, rowsOf(updates[:n]))
		if err := iotest.TestReader(iotest.OneByteReader(one), all); err != nil {
			t.Error(err)
		}
		one.close()
	}
}

func TestNothingIsReadAfterTheEnd(t *testing.T) {
	e := &endless{before: func(int32) error { return nil }}
	s := newCopyStream(1, e.rows)
	if n, err := s.Read(make([]byte, 100)); n != 100 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	s.close()
	if n, err := s.Read(make([]byte, 100)); n != 0 || !errors.Is(err, io.EOF) || !e.ended {
		t.Errorf("got %d, %v, ended %v", n, err, e.ended)
	}
}
