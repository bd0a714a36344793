package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// givenFile is a file as it may come: the header and the rows, each with what stands before it and its line end.
type givenFile struct {
	name      string
	encode    encoding.Encoding
	mark      string
	delimiter string
	quoted    bool // what is added stands in quotes, because everything does
	records   []givenRecord
	tail      string
}

type givenRecord struct {
	text, end string
	line      int
}

// lines makes records that end alike.
func lines(end string, texts ...string) (records []givenRecord) {
	line := 1
	for _, text := range texts {
		// Empty lines before a record belong to it.
		bare := strings.TrimLeft(text, "\r\n")
		line += strings.Count(text[:len(text)-len(bare)], "\n")
		records = append(records, givenRecord{text, end, line})
		line += strings.Count(bare, "\n") + 1
	}
	return records
}

func givenFiles() []givenFile {
	plain := unicode.UTF8
	le, be := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	const mark = "\ufeff"
	files := []givenFile{
		{"plain.csv", plain, "", ",", false, lines("\n",
			" DeviceConfigurationId ,id,STATUS,ticket,userDisplayName,devicesCount,lastReportedDateTime,userPrincipalName,route",
			`c1,u1,compliant,=1+1,Ærøskøbing 🙂,-5,2026-11-03T07:43:01.5000000+02:00,a@contoso.com,plain`,
			`c1,u2,error,"say ""so"", twice",,,,,`,
			"c1,u3,,\"two\nlines\",x,0,,,",
			`c1,u4,error, white ,,,,,`), ""},
		{"excel.csv", plain, mark, ";", true, lines("\r\n",
			`"deviceConfigurationId";"userStatusId";"status";"note"`, `"c1";"v1";"compliant";""`, `"c1";"v2";"error";"a;b"`, `"c1";"v3";"error";"x"`), "\r\n\r\n"},
		{"mixed.csv", plain, "", "|", false, lines("\n",
			"\n"+`deviceConfigurationId|id|status|note`, `c1|w1|error|"quoted without need"`, "\r\n\nc1|w2|error|y", "c1|w3|error|\"a\r\nb\"", "c1|w4|error|z"), ""},
	}
	for _, wide := range []givenFile{
		{name: "utf16le.csv", encode: le, mark: mark, delimiter: "\t"},
		{name: "utf16be.csv", encode: be, mark: mark, delimiter: ";"},
		{name: "utf16le-bare.csv", encode: le, delimiter: ","},
		{name: "utf16be-bare.csv", encode: be, delimiter: "|"},
	} {
		wide.records = lines("\r\n", strings.Split(strings.ReplaceAll(
			"deviceConfigurationId,id,status,note\nc1,x1"+wide.name+",error,Ünïcödé 🙂\nc1,x2"+wide.name+",compliant,", ",", wide.delimiter), "\n")...)
		files = append(files, wide)
	}
	// A line end that is another than those before, and last lines without any.
	files[2].records[4].end = "\r\n"
	for i := range files {
		if strings.HasSuffix(files[i].name, "bare.csv") || files[i].name == "plain.csv" {
			files[i].records[len(files[i].records)-1].end = ""
		}
	}
	return files
}

// bytes are those of the file, with these cells added to the header and to each row.
func (f *givenFile) bytes(t *testing.T, names []string, added func(row, line int) []string) string {
	t.Helper()
	var text strings.Builder
	text.WriteString(f.mark)
	for i, r := range f.records {
		cells := names
		if i > 0 && added != nil {
			cells = added(i, r.line)
		}
		text.WriteString(r.text)
		for _, cell := range cells {
			if f.quoted {
				cell = `"` + cell + `"`
			}
			text.WriteString(f.delimiter + cell)
		}
		text.WriteString(r.end)
	}
	encoded, err := f.encode.NewEncoder().String(text.String() + f.tail)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// Files of all encodings and delimiters come back with every byte they had, and what is added stands at the ends of lines.
func TestResultsAreTheFileToTheByte(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	names := []string{
		"graphpatch_row", "graphpatch_line", "graphpatch_outcome", "graphpatch_http_status", "graphpatch_error_code", "graphpatch_error_message",
		"graphpatch_request_id", "graphpatch_attempts", "graphpatch_before", "graphpatch_after", "graphpatch_settled_at",
	}
	open := func(row, line int) []string {
		return []string{fmt.Sprint(row), fmt.Sprint(line), "open", "", "", "", "", "0", "", "", ""}
	}
	for _, f := range givenFiles() {
		file := k.write(f.name, f.bytes(t, nil, nil))
		run := enqueued(k, k.ok("enqueue", "csv", "--hold", "--output=json", file))
		out := filepath.Join(k.dir, "results-"+f.name)
		k.ok("audit", "results", run, "-o", out)
		got, want := string(readFile(t, out)), f.bytes(t, names, open)
		if got != want {
			t.Errorf("%s (-got +want):\n%s", f.name, cmp.Diff(strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")))
		}
		if r := k.ok("audit", "results", run, "-o", "-"); r.stdout != want {
			t.Errorf("%s: on standard output it is another: %q", f.name, r.stdout)
		}
		// It loads as it is: the same rows, which are refused for being the same.
		says(t, k.run("enqueue", "csv", out), 2, "the same content was enqueued as run "+run)
	}
}
