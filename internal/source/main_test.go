package source

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/userstatus"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var contoso = uuid.MustParse("11111111-2222-3333-4444-555555555555")

// asGiven compares rows to the last digit of their dates.
var asGiven = cmp.Options{
	cmp.AllowUnexported(userstatus.Value[string]{}, userstatus.Value[int32]{}, userstatus.Value[userstatus.ComplianceStatus]{}, userstatus.Value[userstatus.DateTime]{}),
	cmp.Comparer(func(a, b userstatus.DateTime) bool { return a.Given() == b.Given() && a.String() == b.String() }),
}

// of is the config of a source with that text.
func of(t testing.TB, text string) CSVConfig {
	return CSVConfig{Name: "users.csv", Tenant: contoso, TempDir: t.TempDir(), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

func newCSV(t testing.TB, cfg CSVConfig) *CSV {
	t.Helper()
	c, err := NewCSV(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func check(t testing.TB, c *CSV) *Summary {
	t.Helper()
	sum, err := c.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// load reads a good source twice.
func load(t testing.TB, cfg CSVConfig) (*Summary, []userstatus.Row) {
	t.Helper()
	c := newCSV(t, cfg)
	sum := check(t, c)
	rows, err := collect(t, c, sum)
	if err != nil {
		t.Fatal(err)
	}
	return sum, rows
}

func collect(t testing.TB, c *CSV, sum *Summary) (rows []userstatus.Row, _ error) {
	for row, err := range c.Rows(t.Context(), sum) {
		if err != nil {
			return rows, err
		}
		row.Other = append([]string(nil), row.Other...)
		rows = append(rows, row)
	}
	return rows, nil
}

// refused wants faults and returns them as they are printed.
func refused(t testing.TB, cfg CSVConfig) string {
	t.Helper()
	_, err := newCSV(t, cfg).Check(t.Context())
	faults, ok := errors.AsType[*Faults](err)
	if !ok {
		t.Fatalf("got %v, want *Faults", err)
	}
	var b strings.Builder
	if err := faults.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
