package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

// numbered is the record of a row of its own, all in one string as encoding/csv has it.
func numbered(number int, padding string) record {
	cells := []string{"c", fmt.Sprintf("s%d", number), padding}
	row := &userstatus.Row{Number: int32(number), Line: int64(number + 1)}
	row.Update.Target = userstatus.Target{Tenant: contoso, Route: userstatus.Plain, ConfigurationID: cells[0], StatusID: cells[1]}
	return record{row: row, cells: cells}
}

// What is counted beside the reading is what would be counted within it, wherever a batch ends.
func TestCountingBesideIsCountingInOrder(t *testing.T) {
	for _, rows := range []int{0, 1, batchRows - 1, batchRows, batchRows + 1, 10*batchRows + 7} {
		within, beside := NewTally(), NewTally()
		c := newCounter(beside, &duplicates{})
		for i := range rows {
			r := numbered(i+1, "")
			within.Add(&r.row.Update)
			if err := c.add(r); err != nil {
				t.Fatal(err)
			}
			*r.row = userstatus.Row{} // used again
		}
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		var got, want Summary
		beside.Tell(&got)
		within.Tell(&want)
		if diff := cmp.Diff(got, want, cmp.AllowUnexported(Summary{}, repeated{})); diff != "" {
			t.Errorf("%d rows: %s", rows, diff)
		}
	}
}

// Long records do not add up: a batch of them is short, and forgotten once it is counted.
func TestLongRecordsAreNotKept(t *testing.T) {
	c := newCounter(NewTally(), &duplicates{})
	long := strings.Repeat("x", batchText)
	for i := range 4 * batches {
		if err := c.add(numbered(i+1, long)); err != nil || len(c.batch) > 0 {
			t.Fatalf("row %d: %v, %d rows wait", i+1, err, len(c.batch))
		}
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	for range batches - 1 {
		for i, r := range (<-c.empty)[:batchRows] {
			if r != (counted{}) {
				t.Errorf("row %d is still there: %+v", i, r)
			}
		}
	}
}

// untilSpill is how many numbered rows it takes until a partition is full.
func untilSpill(t *testing.T) int {
	targets := &duplicates{dir: filepath.Join(t.TempDir(), "none")}
	for n := 1; ; n++ {
		r := numbered(n, "").row
		if err := targets.add(r.Update.Target.Key(), r.Number, r.Line); err != nil {
			return n
		}
	}
}

func TestCountingFails(t *testing.T) {
	c := newCounter(NewTally(), &duplicates{dir: filepath.Join(t.TempDir(), "none")})
	rows, last := 0, untilSpill(t)+(batches+1)*batchRows
	var err error
	for ; rows < last && err == nil; rows++ {
		err = c.add(numbered(rows+1, ""))
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v after %d rows", err, rows)
	}
	if err := c.end(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v at the end", err)
	}
}

// The last row cannot be counted, and then the source cannot be read: what went wrong first is what is said.
func TestCountingFailsBeforeReadingDoes(t *testing.T) {
	var text strings.Builder
	text.WriteString("deviceConfigurationId,id,status\n")
	for i := range untilSpill(t) {
		fmt.Fprintf(&text, "c,s%d,compliant\n", i+1)
	}
	cfg := of(t, "")
	cfg.TempDir = filepath.Join(t.TempDir(), "none")
	cfg.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(text.String()), iotest.ErrReader(io.ErrClosedPipe))), nil
	}
	if _, err := newCSV(t, cfg).Check(t.Context()); !errors.Is(err, os.ErrNotExist) || errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
