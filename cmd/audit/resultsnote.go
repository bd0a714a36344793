package main

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"graphpatch/internal/cli"
	"graphpatch/internal/source"
)

// fileNote is what a run notes of the file it came from.
type fileNote struct {
	Encoding  string
	Delimiter string
	Header    []string
	Columns   []string // by column: the property or id it was read as
	Skipped   int
	Style     *source.Style // nil: not noted by the version that enqueued the run
	Set       map[string]string
	EmptyAs   string
}

func readNote(text json.RawMessage) (*fileNote, error) {
	var n fileNote
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(n.Delimiter) != 1 || len(n.Columns) != len(n.Header) {
		return nil, errors.New("it says nothing of delimiter and columns")
	}
	if n.Style == nil {
		n.Style = &source.Style{LineEnd: "\n", Mark: n.Encoding != "UTF-8"}
	}
	return &n, nil
}

func (n *fileNote) delimiter() rune {
	r, _ := utf8.DecodeRuneInString(n.Delimiter)
	return r
}

// flags are those of enqueue csv without which the file is not read as it was.
func (n *fileNote) flags() (flags []string) {
	for i, name := range n.Columns {
		header := strings.TrimSpace(n.Header[i])
		if name == "" || strings.EqualFold(header, name) || name == "userStatusId" && strings.EqualFold(header, "id") {
			continue
		}
		flags = append(flags, "--map", shellWord(header+"="+name))
	}
	for _, name := range slices.Sorted(maps.Keys(n.Set)) {
		flags = append(flags, "--set", shellWord(name+"="+n.Set[name]))
	}
	if n.EmptyAs == "null" {
		flags = append(flags, "--empty-as", "null")
	}
	return flags
}

// shellWord quotes what a shell would take apart: it is meant to be pasted.
func shellWord(s string) string {
	s = cli.Visible(s)
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("=_-.:@", r)
	}
	if strings.ContainsFunc(s, odd) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

var numberPattern = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?$`)

func isNumber(cell string) bool { return numberPattern.MatchString(cell) }
