package source

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const three = "deviceConfigurationId,id,userDisplayName\n"

// TestHostileFiles holds the very words that each bad file is refused with.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	for name, test := range map[string]struct{ text, want string }{
		"a cell of 10 MB": {
			three + "c,s," + strings.Repeat("n", 10*megabyte) + "\nc,s2,x\n",
			"users.csv:2: begins a record longer than 1 MiB: is a quote left open in line 2, or does it not end with LF or CRLF? nothing after it was read\n",
		},
		"a quoted cell of 10 MB": {
			three + "c,s,\"" + strings.Repeat("n\n", 5*megabyte) + "\"\nc,s2,x\n",
			"users.csv:2: begins a record longer than 1 MiB: is a quote left open in line 2, or does it not end with LF or CRLF? nothing after it was read\n",
		},
		"a long cell": {
			three + "c,s," + strings.Repeat("ü", maxCell) + "\nc,s2," + strings.Repeat("n", maxCell+1) + "\n",
			`users.csv:3: column 3 (userDisplayName): "` + strings.Repeat("n", 80) + `"… (32768 bytes) is longer than 32,767 characters: no cell of a spreadsheet is` + "\n",
		},
		"one name 100,000 times": {
			strings.Repeat("status,", 100_000) + "id\nx\n",
			"users.csv:1: has too many columns: 16,384 at most, 100,001 here\n",
		},
		"100,000 columns": {
			"deviceConfigurationId,id,status" + strings.Repeat(",", 99_997) + "\nc,s,error\n",
			"users.csv:1: has too many columns: 16,384 at most, 100,000 here\n",
		},
		"100,000 cells": {
			three + strings.Repeat("x,", 99_999) + "x\n",
			"users.csv:2: has another number of cells than the header: 100000 here, 3 in the header; a cell that holds the delimiter stands in quotes\n",
		},
		"a long name": {
			"deviceConfigurationId,id,status," + strings.Repeat("n", 257) + "\nc,s,error,\n",
			`users.csv:1: column 4: "` + strings.Repeat("n", 80) + `"… (257 bytes) is longer than 256 bytes: give the column a short name` + "\n",
		},
		"the mark of another file": {
			three + "c,s,x\n\ufeffdeviceConfigurationId,id,userDisplayName\n",
			`users.csv:3: column 1 (deviceConfigurationId): "\ufeffdeviceConfigurationId" holds an invisible character: type it anew, or copy the id that Graph shows from a plain text` + "\n",
		},
		"two marks": {
			"\ufeff\ufeff" + three + "c,s,x\n",
			`users.csv:1: has no column deviceConfigurationId: the header has "\ufeffdeviceConfigurationId", "id", "userDisplayName"; use --map COLUMN=deviceConfigurationId` + "\n",
		},
		"terminal escapes": {
			three + "\x1b[2J\x1b]0;x\x07c,s,x\nc,\u202es,x\n",
			`users.csv:2: column 1 (deviceConfigurationId): "\x1b[2J\x1b]0;x\ac" holds a control character: use the id that Graph shows` + "\n" +
				`users.csv:3: column 2 (id): "\u202es" holds an invisible character: type it anew, or copy the id that Graph shows from a plain text` + "\n",
		},
		"ends of old Macintoshes": {
			strings.ReplaceAll(three+"c,s,x\n", "\n", "\r"),
			"users.csv: has no rows: there is nothing after the header\n" +
				"users.csv:1: has no column with anything to change: name one of its columns userDisplayName, devicesCount, status, lastReportedDateTime, userPrincipalName, or use --map or --set\n" +
				`users.csv:1: column 3: "userDisplayName\rc" holds a carriage return: end lines with LF or CRLF; a CR alone ends none` + "\n",
		},
		"more of those than fit": {
			strings.ReplaceAll(three+strings.Repeat("c,s,x\n", 200_000), "\n", "\r"),
			"users.csv:1: begins a record longer than 1 MiB: is a quote left open in line 1, or does it not end with LF or CRLF? nothing after it was read\n",
		},
		"NUL": {
			three + "c,s,x\x00y\nc\x00,s2,x\n",
			`users.csv:2: column 3 (userDisplayName): "x\x00y" holds a NUL character: remove it` + "\n" +
				`users.csv:3: column 1 (deviceConfigurationId): "c\x00" holds a NUL character: remove it` + "\n",
		},
		"lone surrogates": {
			"\xff\xfe" + wide(three+"c,s,x") + "\x00\xd8" + wide("\n"),
			`users.csv:2: column 3 (userDisplayName): "x�" holds a character that could not be decoded: save as UTF-8; from Excel: CSV UTF-8` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(refused(t, of(t, test.text)), test.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wide is ASCII in UTF-16LE.
func wide(ascii string) string {
	var b strings.Builder
	for i := range len(ascii) {
		b.WriteByte(ascii[i])
		b.WriteByte(0)
	}
	return b.String()
}

// TestAsManyColumnsAsFit also has a fault in each of them: what is done about a row must not grow with their square.
func TestAsManyColumnsAsFit(t *testing.T) {
	t.Parallel()
	var header strings.Builder
	header.WriteString("deviceConfigurationId,id,status")
	for i := range maxColumns - 3 {
		fmt.Fprintf(&header, ",n%d", i)
	}
	good := "\nc,s,error" + strings.Repeat(",x", maxColumns-3)
	sum, rows := load(t, of(t, header.String()+good))
	if len(sum.OtherColumns) != maxColumns-3 || len(rows[0].Other) != maxColumns-3 {
		t.Errorf("%d columns, %d cells", len(sum.OtherColumns), len(rows[0].Other))
	}
	bad := strings.Repeat("\nc,s,error"+strings.Repeat(",\xff", maxColumns-3), 20)
	got := refused(t, of(t, header.String()+bad))
	if want := "… and 327,520 more: 327,520 × is not valid UTF-8\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %.2000q", got)
	}
}

// TestMemoryDoesNotGrow reads what is wrong in every way that goes on for ever, and holds what is live afterwards and
// was allocated at most against what the limits allow.
func TestMemoryDoesNotGrow(t *testing.T) {
	for name, text := range map[string]*endless{
		"a line without end":  {head: three, row: "x"},
		"a header of commas":  {row: ","},
		"a quote left open":   {head: three + "\"", row: "x\n"},
		"nothing but NUL":     {row: "\x00"},
		"nothing but returns": {row: "\r"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := of(t, "")
			cfg.Open = func() (io.ReadCloser, error) { return text, nil }
			before := allocated()
			refused(t, cfg)
			if text.read > MaxRecord+4*bufferSize {
				t.Errorf("read %d bytes before giving up", text.read)
			}
			// A record of nothing but delimiters costs 40 bytes a cell, and its growing as much again.
			if got := allocated() - before; got > 256*MaxRecord {
				t.Errorf("%d MiB were allocated", got>>20)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
