package source

import (
	"bytes"
	"encoding/csv"
)

// delimiters are the candidates, the likelier first.
var delimiters = []rune{',', ';', '\t', '|'}

// findDelimiter returns the candidate that splits the header, with which text begins, into the most names that
// known recognises; among equals into the most names at all.
func findDelimiter(text []byte, known func(name string) bool) rune {
	best, bestKnown, bestNames := delimiters[0], 0, 0
	for _, d := range delimiters {
		names := split(text, d)
		n := 0
		for _, name := range names {
			if known(name) {
				n++
			}
		}
		if n > bestKnown || n == bestKnown && len(names) > bestNames {
			best, bestKnown, bestNames = d, n, len(names)
		}
	}
	return best
}

// split returns the cells of the first record.
func split(text []byte, delimiter rune) []string {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = delimiter
	r.LazyQuotes = true
	names, _ := r.Read() // What is wrong with the header is said when it is read in earnest.
	return names
}
