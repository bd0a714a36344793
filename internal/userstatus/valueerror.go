package userstatus

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// ValueError says which value cannot be sent and what would be right.
type ValueError struct {
	Value   string // as it was given
	Problem string // what is wrong, the same words for every value with this fault: faults are counted by it
	Right   string // what would be right
}

func (e *ValueError) Error() string {
	if e.Right == "" {
		return fmt.Sprintf("%s %s", Quote(e.Value), e.Problem)
	}
	return fmt.Sprintf("%s %s: %s", Quote(e.Value), e.Problem, e.Right)
}

// maxQuoted is how many bytes of a value a message shows: enough for two GUIDs, short enough for one line.
const maxQuoted = 80

// Quote returns s in double quotes with everything unprintable escaped, cut on a rune boundary when it is longer
// than 80 bytes, and saying so.
func Quote(s string) string {
	if len(s) <= maxQuoted {
		return fmt.Sprintf("%q", s)
	}
	cut := maxQuoted
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:cut], len(s))
}

// Suggest returns the choice that word was probably meant to be: the same letters in another case, without
// spaces, hyphens and underscores, or at most two slips of the keyboard away (one in words of up to five letters).
func Suggest(word string, choices []string) (choice string, ok bool) {
	plain := fold(word)
	letters := utf8.RuneCountInString(plain)
	best := 3
	if letters <= 5 {
		best = 2
	}
	for _, c := range choices {
		folded := fold(c)
		// The distance is at least the difference in length; a cell of a megabyte would take long to measure.
		if apart := letters - utf8.RuneCountInString(folded); apart >= best || -apart >= best {
			continue
		}
		if d := levenshtein.ComputeDistance(plain, folded); d < best {
			best, choice, ok = d, c, true
		}
	}
	return choice, ok
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}
