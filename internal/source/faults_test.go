package source

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsBeyondTheFirstHundredAreCounted(t *testing.T) {
	f := &Faults{Source: "users.csv"}
	// From the end of the file to its beginning, as duplicates may come.
	for line := int64(1334); line > 0; line-- {
		problem := "is no complianceStatus"
		if line%4 == 0 {
			problem = "is an empty id"
		}
		f.add(int32(line), Fault{Source: "users.csv", Line: line, Column: 1, Problem: problem})
	}
	if len(f.First) != 100 || f.Total != 1334 || f.Rows != 1334 || f.First[0].Line != 1 || f.First[99].Line != 100 {
		t.Errorf("kept %d of %d, lines %d to %d", len(f.First), f.Total, f.First[0].Line, f.First[len(f.First)-1].Line)
	}
	var b strings.Builder
	if err := f.Print(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if want := "… and 1,234 more: 926 × is no complianceStatus, 308 × is an empty id"; len(lines) != 101 || lines[100] != want {
		t.Errorf("got %d lines, the last %q, want %q", len(lines), lines[len(lines)-1], want)
	}
	if got, want := f.Error(), "users.csv has 1,334 faults, the first: users.csv:1: column 1: is no complianceStatus"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaultsStandByLineAndColumnInTheOrderFound(t *testing.T) {
	f := &Faults{}
	f.add(2, Fault{Line: 3, Column: 2, Problem: "d"}, Fault{Line: 3, Problem: "b"}, Fault{Line: 3, Problem: "c"})
	f.add(1, Fault{Line: 2, Column: 9, Problem: "a"})
	f.add(0, Fault{Problem: "0"})
	var got []string
	for _, fault := range f.First {
		got = append(got, fault.Problem)
	}
	if diff := cmp.Diff(got, []string{"0", "a", "b", "c", "d"}); diff != "" {
		t.Error(diff)
	}
	if f.Rows != 2 {
		t.Errorf("got %d rows, want 2: the header is none", f.Rows)
	}
}

func TestOneFaultIsItsOwnSummary(t *testing.T) {
	f := &Faults{Source: "users.csv"}
	if got := f.Error(); got != "users.csv: no faults" {
		t.Errorf("got %q", got)
	}
	f.add(1, Fault{Source: "users.csv", Line: 7, Column: 5, Name: "status", Value: `"x"`, Problem: "is wrong", Right: "write y"})
	if got, want := f.Error(), `users.csv:7: column 5 (status): "x" is wrong: write y`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNamesOfColumnsCannotBreakALine(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "column 1: ",
		"status":                 "column 1 (status): ",
		"Größe in m²":            "column 1 (Größe in m²): ",
		"two\nlines":             `column 1 ("two\nlines"): `,
		strings.Repeat("n", 100): `column 1 ("` + strings.Repeat("n", 80) + `"… (100 bytes)): `,
	} {
		if got := (Fault{Column: 1, Name: name, Problem: "p"}).Reason(); got != want+"p" {
			t.Errorf("got %q, want %q", got, want+"p")
		}
	}
}

func TestPrintingFails(t *testing.T) {
	f := &Faults{First: []Fault{{Problem: "p"}}, Total: 1}
	r, w := io.Pipe()
	r.Close()
	if err := f.Print(w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// A file in which everything is wrong must not be kept in memory as messages.
func TestManyFaultsTakeLittleMemory(t *testing.T) {
	var b strings.Builder
	b.WriteString("deviceConfigurationId,id,status\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "c,s%d,%s\n", i, strings.Repeat("x", 200))
	}
	_, err := newCSV(t, of(t, b.String())).Check(t.Context())
	faults, ok := errors.AsType[*Faults](err)
	if !ok {
		t.Fatal(err)
	}
	if len(faults.First) != 100 || len(faults.rest) != 1 || faults.Total != 20_000 {
		t.Errorf("kept %d, %d kinds, of %d", len(faults.First), len(faults.rest), faults.Total)
	}
	for _, f := range faults.First {
		if len(f.Value) > 120 {
			t.Errorf("keeps a value of %d bytes", len(f.Value))
		}
	}
}
