package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graphpatch/internal/userstatus"
)

// FuzzCSV gives any bytes at all for a source: it is refused with faults, or read the same way twice and can be given back.
func FuzzCSV(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.csv")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
		f.Add(data, true)
	}
	f.Add([]byte(everywhere), false)
	f.Add([]byte(mixed), true)
	f.Add([]byte("id,stAtus\x00,stat\nus"), false)
	f.Fuzz(func(t *testing.T, data []byte, skip bool) {
		skipped := 0
		var w *SkippedWriter
		cfg := of(t, string(data))
		cfg.SkipInvalid = skip
		cfg.OnSkip = func(b BadRow) error { skipped++; return w.Write(b) }
		c := newCSV(t, cfg)
		sum, err := c.Check(t.Context())
		if err != nil {
			checkFaults(t, err, string(data))
			return
		}
		var written strings.Builder
		w = NewSkippedWriter(&written, sum)
		rows, err := collect(t, c, sum)
		if err := errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 || len(rows) != sum.Rows || skipped != sum.Skipped || sum.Fingerprint != fingerprint(rows) {
			t.Errorf("%d rows and %d skipped, then %d and %d", sum.Rows, sum.Skipped, len(rows), skipped)
		}
		checkRows(t, rows)
		if text := decoded(t, data); skipped == 0 && givenBack(sum, rows) != text {
			t.Errorf("given back is %q of %q", givenBack(sum, rows), text)
		}
		if cells, err := csvCells(written.String(), sum.Delimiter); err != nil || skipped > 0 && len(cells) != skipped+1 {
			t.Errorf("%d skipped rows were written as %d: %v", skipped, len(cells), err)
		}
	})
}

func checkFaults(t *testing.T, err error, text string) {
	t.Helper()
	faults, ok := errors.AsType[*Faults](err)
	if !ok {
		t.Fatalf("got %v, want *Faults", err)
	}
	if err := faults.Print(io.Discard); err != nil || faults.Total < len(faults.First) || len(faults.First) == 0 {
		t.Errorf("%v: %d of %d", err, len(faults.First), faults.Total)
	}
	lines := int64(strings.Count(text, "\n") + 1)
	for _, f := range faults.First {
		if f.Line > lines || strings.ContainsAny(f.Error(), "\n\r\x00") || f.Problem == "" || f.Right == "" {
			t.Errorf("of %d lines: %q", lines, f.Error())
		}
	}
}

// decoded is the text of a source, without its mark.
func decoded(t *testing.T, data []byte) string {
	t.Helper()
	r, _, err := decode(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkRows wants of every row what the rest of the house relies on.
func checkRows(t *testing.T, rows []userstatus.Row) {
	t.Helper()
	var number int32
	var line int64 = 1
	for _, r := range rows {
		target := r.Update.Target
		_, err := userstatus.ParseID(target.ConfigurationID)
		_, err2 := userstatus.ParseID(target.StatusID)
		route, ok := userstatus.RouteByName(target.Route)
		if err != nil || err2 != nil || !ok || route.CertificateID != (target.CertificateID != "") || r.Update.Wanted.Asks() == 0 {
			t.Errorf("yielded %+v", r)
		}
		if r.Number <= number || r.Line <= line {
			t.Errorf("row %d on line %d comes after row %d on line %d", r.Number, r.Line, number, line)
		}
		number, line = r.Number, r.Line
	}
}
