package graph

import (
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Secret is a text that no format, log or encoder shows. It is a function, because whoever prints a struct by reflection,
// as fmt does with unexported fields, sees the text of a string but nothing of a closure.
type Secret func() string

const hidden = "***"

// NewSecret returns the text as a Secret.
func NewSecret(text string) Secret { return func() string { return text } }

// Reveal returns the text, empty for a nil Secret.
func (s Secret) Reveal() string {
	if s == nil {
		return ""
	}
	return s()
}

// Format writes *** whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { writeHidden(f) }

func writeHidden(f fmt.State) {
	_, _ = io.WriteString(f, hidden) // fmt keeps the error to itself
}

// MarshalText is for encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// hideIn returns text without the secret, be it as it is or as it stands in a form.
func (s Secret) hideIn(text string) string {
	if s.Reveal() == "" {
		return text
	}
	return strings.NewReplacer(s.Reveal(), hidden, url.QueryEscape(s.Reveal()), hidden).Replace(text)
}
