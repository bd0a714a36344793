package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

// mixed has two good rows; of the bad ones one is short, one long, one repeats a good one.
const mixed = "deviceConfigurationId;id;status;Line\n" +
	"c;s1;compliant;a\n" +
	"c;;Compliant;b\n" +
	"c;s2\n" +
	"c;s3;error;d;\"e;\"\"f\"\n" +
	"c;s1;error;g\n" +
	"c;s4;conflict;h\n"

// skipping reads text, leaving out bad rows, and returns what is written about them.
func skipping(t testing.TB, text string) (*Summary, []userstatus.Row, string) {
	t.Helper()
	var out strings.Builder
	var w *SkippedWriter
	cfg := of(t, text)
	cfg.SkipInvalid = true
	cfg.OnSkip = func(b BadRow) error { return w.Write(b) }
	c := newCSV(t, cfg)
	sum := check(t, c)
	w = NewSkippedWriter(&out, sum)
	rows, err := collect(t, c, sum)
	if err := errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return sum, rows, out.String()
}

func TestBadRowsAreLeftOutAndWrittenDown(t *testing.T) {
	sum, rows, written := skipping(t, mixed)
	var numbers []int32
	for _, r := range rows {
		numbers = append(numbers, r.Number)
	}
	if diff := cmp.Diff(numbers, []int32{1, 6}); diff != "" {
		t.Error(diff)
	}
	want := "deviceConfigurationId;id;status;Line;line_2;fault\n" +
		"c;;Compliant;b;3;\"column 2 (id): \"\"\"\" is an empty id: every row needs one; Graph takes an empty id for the whole collection; column 3 (status): \"\"Compliant\"\" is no complianceStatus: write compliant\"\n" +
		"c;s2;;;4;\"has another number of cells than the header: 2 here, 4 in the header; a cell that holds the delimiter stands in quotes\"\n" +
		"c;s3;error;d;5;\"has another number of cells than the header: 5 here, 4 in the header; a cell that holds the delimiter stands in quotes\";\"e;\"\"f\"\n" +
		"c;s1;error;g;6;\"addresses the same status as an earlier row: line 2 does; remove one, or let the later one win with --on-duplicate last\"\n"
	if diff := cmp.Diff(written, want); diff != "" {
		t.Error(diff)
	}
	got := []int{sum.Rows, sum.Skipped, sum.Duplicates, sum.Faults.Total, sum.Faults.Rows, sum.Routes["plain"]}
	if diff := cmp.Diff(got, []int{2, 4, 1, 5, 4, 2}); diff != "" {
		t.Error(diff)
	}
	if sum.Fingerprint != fingerprint(rows) {
		t.Error("the fingerprint is not that of the good rows")
	}
}

func TestNothingIsSkippedOfAGoodFile(t *testing.T) {
	sum, _, written := skipping(t, string(ordinary(3)))
	if sum.Skipped != 0 || sum.Faults != nil || written != "" {
		t.Errorf("skipped %d, %v, wrote %q", sum.Skipped, sum.Faults, written)
	}
}

func TestOnlyFaultsOfSingleRowsCanBeSkipped(t *testing.T) {
	const header, good = "deviceConfigurationId,id,status\n", "c,s,compliant\n"
	for name, text := range map[string]string{
		"no good row":        header + "c,s,Compliant\n",
		"no rows":            header,
		"empty":              "",
		"a missing column":   "id,status\ns,compliant\n",
		"broken quoting":     header + good + "c,\"s\"2,compliant\n",
		"a stray quote":      header + good + "c,s\"2,compliant\n",
		"an open quote":      header + good + "c,s2,\"compliant\n",
		"no UTF-8":           header + good + "c,s\xfc2,compliant\n",
		"UTF-16 cut off":     encoded(t, header+good+"c,s2,compliant", utf16LE.order, 0) + "x",
		"an endless record":  header + good + "c,\"" + strings.Repeat("s2\n", 1<<19),
		"an unreadable name": "deviceConfigurationId,id,status,K\xf6ln\nc,s,compliant,x\n",
	} {
		cfg := of(t, text)
		cfg.SkipInvalid = true
		if _, err := newCSV(t, cfg).Check(t.Context()); !isFaults(err) {
			t.Errorf("%s: got %v, want *Faults", name, err)
		}
	}
}

func isFaults(err error) bool { _, ok := errors.AsType[*Faults](err); return ok }

func TestNULIsAFaultOfItsRow(t *testing.T) {
	sum, rows, _ := skipping(t, "deviceConfigurationId,id,status,note\nc,s,compliant,a\nc,t,compliant,\x00\n")
	if len(rows) != 1 || sum.Skipped != 1 {
		t.Errorf("%d rows, %d skipped", len(rows), sum.Skipped)
	}
}

func TestMoreDuplicatesThanCanBeSkipped(t *testing.T) {
	cfg := of(t, "deviceConfigurationId,id,status\n"+strings.Repeat("c,s,compliant\n", 4))
	cfg.SkipInvalid = true
	c := newCSV(t, cfg)
	c.maxRepeated = 3
	check(t, c)
	c.maxRepeated = 2
	_, err := c.Check(t.Context())
	const want = "users.csv has 4 faults, the first: users.csv: repeats more targets than can be skipped: 2 at most; let the later row win with --on-duplicate last"
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAllowedDuplicatesAreNotSkipped(t *testing.T) {
	cfg := of(t, mixed)
	cfg.SkipInvalid, cfg.AllowDuplicates = true, true
	sum, rows := load(t, cfg)
	if len(rows) != 3 || sum.Skipped != 3 || sum.Duplicates != 1 {
		t.Errorf("%d rows, %d skipped, %d duplicates", len(rows), sum.Skipped, sum.Duplicates)
	}
}

func TestCallbackEndsTheReading(t *testing.T) {
	cfg := of(t, mixed)
	cfg.SkipInvalid = true
	cfg.OnSkip = func(BadRow) error { return io.ErrClosedPipe }
	c := newCSV(t, cfg)
	rows, err := collect(t, c, check(t, c))
	if len(rows) != 1 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%d rows, then %v", len(rows), err)
	}
}

func TestNamesOfTheTwoColumnsAreFree(t *testing.T) {
	for want, header := range map[string][]string{
		"line":   {"lines", ""},
		"line_2": {"a", " LINE "},
		"line_4": {"line_3", "line", "Line_2"},
	} {
		if got := FreeName("line", header); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

func TestSkippedRowsCannotBeWritten(t *testing.T) {
	r, pipe := io.Pipe()
	r.Close()
	w := NewSkippedWriter(pipe, &Summary{Header: []string{"id"}, Delimiter: ','})
	if err := errors.Join(w.Write(BadRow{Cells: []string{"x"}}), w.Flush()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// Corrected rows can be enqueued as they stand: what was written down is a source again.
func TestSkippedRowsAreASource(t *testing.T) {
	_, _, written := skipping(t, mixed)
	cells, err := csvCells(written, ';')
	if err != nil {
		t.Fatal(err)
	}
	sum, _, twice := skipping(t, strings.ReplaceAll(written, "c;s2;;;", "c;s2;error;;"))
	if sum.Rows != 2 || !strings.HasPrefix(twice, strings.Join(cells[0], ";")+";line_3;fault_2\n") {
		t.Errorf("%d rows, then %s", sum.Rows, twice)
	}
}

func csvCells(text string, delimiter rune) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = delimiter, -1
	return r.ReadAll()
}
