package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/source"
	"graphpatch/internal/userstatus"
)

func TestCommittedSampleIsWhatTheGeneratorWrites(t *testing.T) {
	want, err := os.ReadFile("../statuses.csv")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(generated(t)), string(want)); diff != "" {
		t.Errorf("run go run ./examples/sample > examples/statuses.csv: %s", diff)
	}
}

func TestCommittedSampleLoadsClean(t *testing.T) {
	sum, rows := load(t, func() (io.ReadCloser, error) { return os.Open("../statuses.csv") })
	if len(sum.Warnings) > 0 || sum.Rows != 40 || sum.Lines != 41 || sum.Delimiter != ',' {
		t.Errorf("%d rows on %d lines, separated by %q, warnings %q", sum.Rows, sum.Lines, sum.Delimiter, sum.Warnings)
	}
	var kept []string
	for _, i := range sum.OtherColumns {
		kept = append(kept, sum.Header[i])
	}
	if diff := cmp.Diff(kept, []string{"route", "department", "ticket"}); diff != "" {
		t.Error(diff)
	}
	statuses := map[userstatus.ComplianceStatus]bool{}
	for _, r := range rows {
		status, _ := r.Update.Wanted.Status.Get()
		statuses[status] = true
	}
	if len(statuses) != len(userstatus.ComplianceStatuses()) {
		t.Errorf("has %d statuses: %v", len(statuses), statuses)
	}
	checkRoutes(t, sum)
}

func TestLargerSampleLoadsClean(t *testing.T) {
	data := generated(t, "-rows", "4000", "-seed", "7")
	sum, rows := load(t, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if sum.Rows != 4000 || len(rows) != 4000 || sum.Configurations != configurations {
		t.Errorf("%d rows, %d read, %d configurations", sum.Rows, len(rows), sum.Configurations)
	}
	checkRoutes(t, sum)
}

// checkRoutes wants all ten, and most rows on the plain one.
func checkRoutes(t *testing.T, sum *source.Summary) {
	t.Helper()
	if len(sum.Routes) != len(userstatus.Routes()) || sum.Routes[userstatus.Plain] < sum.Rows/2 {
		t.Errorf("routes: %v", sum.Routes)
	}
}

func TestSeedDecides(t *testing.T) {
	if !bytes.Equal(generated(t, "-seed", "7"), generated(t, "-seed", "7")) {
		t.Error("one seed, two files")
	}
	if bytes.Equal(generated(t, "-seed", "7"), generated(t, "-seed", "8")) {
		t.Error("two seeds, one file")
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-rows", "-1"}, {"more"}, {"-rows", "many"}, {"-what"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	if err := run([]string{"-h"}, io.Discard, io.Discard); err != nil {
		t.Errorf("-h: %v", err)
	}
}

func TestFailingOutputIsAnError(t *testing.T) {
	if err := run([]string{"-rows", "4000"}, failing{}, io.Discard); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func generated(t *testing.T, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func load(t *testing.T, open func() (io.ReadCloser, error)) (*source.Summary, []userstatus.Row) {
	t.Helper()
	tenant := uuid.MustParse("11111111-2222-3333-4444-555555555555")
	csv, err := source.NewCSV(source.CSVConfig{Name: "sample", Open: open, Tenant: tenant, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := csv.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows []userstatus.Row
	for row, err := range csv.Rows(t.Context(), sum) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return sum, rows
}
