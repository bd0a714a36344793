package source

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// BenchmarkCheck and BenchmarkRows are the two readings of an import, of rows of about 170 bytes.
func BenchmarkCheck(b *testing.B) {
	const rows = 200_000
	c := benchmarked(b, rows)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Check(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRows(b *testing.B) {
	const rows = 200_000
	c := benchmarked(b, rows)
	sum, err := c.Check(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range c.Rows(b.Context(), sum) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func benchmarked(b *testing.B, rows int) *CSV {
	data := ordinary(rows)
	b.Logf("%d bytes a row", len(data)/rows)
	c, err := NewCSV(CSVConfig{Name: "users.csv", Tenant: contoso, TempDir: b.TempDir(), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// ordinary is a file of that many rows with the seven columns of an ordinary import.
func ordinary(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("deviceConfigurationId,userStatusId,userDisplayName,devicesCount,status,lastReportedDateTime,userPrincipalName\n")
	for i := range rows {
		fmt.Fprintf(&b, "5a6178fc-ee0d-41b9-879f-%012x,80cbfd00-9344-49ac-86b0-%012x,Ada Lovelace %d,%d,nonCompliant,2026-11-03T07:43:%02d.680530%dZ,ada.lovelace.%d@contoso.com\n",
			i%40, i, i, i%5, i%60, i%10, i)
	}
	return b.Bytes()
}
