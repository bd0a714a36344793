package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string // begins with it
	}{
		{fmt.Errorf("import: %w", &pgconn.PgError{Code: "53100"}), "The database's disk is full"},
		{errors.Join(errors.New("close"), &pgconn.PgError{Code: "53300"}), "The database has no connection left"},
		{&pgconn.PgError{Code: "23505"}, ""},
		{errors.New("53100"), ""},
	} {
		if got := Advice(c.err); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
