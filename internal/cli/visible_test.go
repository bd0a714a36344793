package cli

import (
	"io"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for s, want := range map[string]string{
		"":                          "",
		"Zoë Müller 木村 🙂":           "Zoë Müller 木村 🙂",
		`CONTOSO\anna`:              `CONTOSO\anna`,
		"\x1b[2Jgone":               `\x1b[2Jgone`,
		"a\r\nb\tc":                 `a\r\nb\tc`,
		"end\x00":                   `end\x00`,
		"\u009b31mred":              `\u009b31mred`,
		"exe\u202egpj.":             `exe\u202egpj.`,
		"\xffbroken\xe2\x82 \ufffd": `\xffbroken\xe2\x82 ` + "\ufffd",
		"\x7f":                      `\x7f`,
	} {
		if got := Visible(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestVisibleLines(t *testing.T) {
	if got, want := VisibleLines("a\r\nb\n\tc\x1b\rd"), "a\nb\n\\tc\\x1b\\rd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Visible(s)
		if odd := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); odd >= 0 || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
		if again := Visible(got); again != got {
			t.Errorf("%q becomes %q, and that %q", s, got, again)
		}
	})
}

func TestWidth(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, w := range []io.Writer{io.Discard, file} {
		if got := Width(w); got != 0 {
			t.Errorf("%T: %d", w, got)
		}
	}
}
