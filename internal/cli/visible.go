package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Visible returns s with everything that is not a character to be seen written as an escape: \n, \x1b, \u202e. What
// Graph answers and what stands in a file is shown to a person through it, otherwise an escape sequence in a name could
// clear the screen, or forge a line.
func Visible(s string) string {
	var b strings.Builder
	from := 0
	for i, r := range s {
		size := utf8.RuneLen(r)
		broken := r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError))
		if unicode.IsPrint(r) && !broken {
			continue
		}
		b.WriteString(s[from:i])
		if broken {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			from = i + 1
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
		from = i + size
	}
	if from == 0 {
		return s
	}
	return b.String() + s[from:]
}

// VisibleLines is Visible for a text of several lines: those stay lines.
func VisibleLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// IsTerminal reports whether a person is watching w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width returns how many columns the terminal that w writes to has; 0 when w is a pipe or a file, whose reader wants
// nothing cut.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}
