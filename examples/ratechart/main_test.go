package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const log = `{"at":"2026-11-24T12:00:02Z","method":"PATCH","status":200}
{"at":"2026-11-24T12:00:00Z","method":"PATCH","status":200}
{"at":"2026-11-24T12:00:00.1Z","method":"GET","status":200}
{"at":"2026-11-24T12:00:02.1Z","method":"PATCH","status":429,"retryAfter":"<3>"}
{"at":"2026-11-24T12:00:02.2Z","method":"PATCH","status":200}
{"at":"2026-11-24T12:00:05.1Z","method":"PATCH","status":200}
`

func TestStory(t *testing.T) {
	t.Parallel()
	got, err := readStory(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	want := &story{
		perSecond: []int{1, 0, 2, 0, 0, 1},
		pauses:    []pause{{2100 * time.Millisecond, 5100 * time.Millisecond, "<3>"}},
	}
	if diff := cmp.Diff(got, want, cmp.AllowUnexported(story{}, pause{})); diff != "" {
		t.Error(diff)
	}
}

func TestRunDrawsXML(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run([]string{"-limit", "20/20s"}, strings.NewReader(log), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "429, Retry-After: &lt;3&gt;"; !strings.Contains(got, want) {
		t.Errorf("no %q in %s", want, got)
	}
	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"x"}, log, "usage: ratechart [-limit N/TIME] < requests > rate.svg"},
		{nil, "", "no update in the log"},
		{nil, "{}\n?", "request 2: invalid character '?' looking for beginning of value"},
	} {
		if err := run(test.args, strings.NewReader(test.stdin), io.Discard, io.Discard); err == nil || err.Error() != test.want {
			t.Errorf("%q: got %v, want %s", test.args, err, test.want)
		}
	}
}
