package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// endless is a text that goes on for 10 GB, and knows how much of it was asked for.
type endless struct {
	head string
	row  string
	read int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for n < len(p) && e.read < 10<<30 {
		n += copy(p[n:], e.row)
	}
	e.read += int64(n)
	return n, nil
}

func (e *endless) Close() error { return nil }

func TestUnclosedQuoteDoesNotSwallowTheFile(t *testing.T) {
	text := &endless{head: "deviceConfigurationId,id,status\nc,s1,compliant\n\"c\",\"s2,compliant\n", row: "c,s,compliant\n"}
	cfg := of(t, "")
	cfg.Open = func() (io.ReadCloser, error) { return text, nil }
	const want = "users.csv:3: begins a record longer than 1 MiB: is a quote left open in line 3, or does it not end with LF or CRLF? nothing after it was read\n"
	if diff := cmp.Diff(refused(t, cfg), want); diff != "" {
		t.Error(diff)
	}
	if text.read > MaxRecord+4*bufferSize {
		t.Errorf("read %d bytes before giving up", text.read)
	}
}

func TestUnclosedQuoteInTheFirstCellIsNamedByItsLine(t *testing.T) {
	got := refused(t, of(t, "deviceConfigurationId,id,status\nc,s1,\"com\npliant\"\n\"c,s2,compliant\n"+strings.Repeat("c,s,compliant\n", 1<<17)))
	const want = "users.csv:2: column 3 (status): \"com\\npliant\" is no complianceStatus: write compliant\n" +
		"users.csv:4: begins a record longer than 1 MiB: is a quote left open in line 4, or does it not end with LF or CRLF? nothing after it was read\n"
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}

func TestRecordOfAMegabyteIsRead(t *testing.T) {
	header := "deviceConfigurationId,id,userDisplayName" + strings.Repeat(",note", MaxRecord/maxCell)
	record := "c,s,x"
	for left := MaxRecord - len(record) - len("\n"); left > 0; left = MaxRecord - len(record) - len("\n") {
		record += "," + strings.Repeat("n", min(left-1, maxCell))
	}
	_, rows := load(t, of(t, header+"\n"+record+"\nc,s2,x"+strings.Repeat(",", MaxRecord/maxCell)+"\n"))
	if got := len(strings.Join(rows[0].Other, ",")); got != len(record)-len("c,s,x,") {
		t.Errorf("got %d bytes", got)
	}
	got := refused(t, of(t, header+"\n"+record+"n\n"))
	if want := "users.csv:2: begins a record longer than 1 MiB"; !strings.HasPrefix(got, want) {
		t.Errorf("one byte more: got %q", got)
	}
}

func TestHeaderOfManyMegabytes(t *testing.T) {
	got := refused(t, of(t, strings.Repeat("deviceConfigurationId ", 1<<17)))
	if want := "users.csv:1: begins a record longer than 1 MiB"; !strings.HasPrefix(got, want) {
		t.Errorf("got %.200q", got)
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "a": 1, "a\n": 1, "a\nb": 2, "a\r\n\r\n": 2, "\n\n\n": 3} {
		m := &meter{r: strings.NewReader(text), limit: MaxRecord}
		if _, err := io.Copy(io.Discard, bufio.NewReader(m)); err != nil {
			t.Fatal(err)
		}
		if got := m.lines(); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestRowLimit(t *testing.T) {
	c := newCSV(t, of(t, string(ordinary(4))))
	c.maxRows = 4
	check(t, c)
	c.maxRows = 3
	_, err := c.Check(t.Context())
	const want = "users.csv:5: is beyond the last row that can be counted: split the source: 3 rows at most"
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestClosingFails(t *testing.T) {
	cfg := of(t, "")
	cfg.Open = func() (io.ReadCloser, error) { return closing{strings.NewReader(string(ordinary(1)))}, nil }
	if _, err := newCSV(t, cfg).Check(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

type closing struct{ io.Reader }

func (closing) Close() error { return io.ErrClosedPipe }
