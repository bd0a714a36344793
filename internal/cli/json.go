package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes v as indented JSON, and ends the line.
func WriteJSON(w io.Writer, v any) error {
	line, err := JSON(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

// JSON returns v as JSON on one line. <, > and & stand as they are, because nobody puts this into a page; what could
// reach a terminal as a control character, or turn its text around, is escaped, which changes nothing for a reader of
// JSON.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if bytes.IndexFunc(line, isTrick) < 0 {
		return line, nil
	}
	var escaped bytes.Buffer
	for _, r := range string(line) {
		if isTrick(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
			continue
		}
		escaped.WriteRune(r)
	}
	return escaped.Bytes(), nil
}

// isTrick reports whether a terminal takes r for an order rather than a character. Those below space are escaped by
// every encoder of JSON.
func isTrick(r rune) bool {
	return 0x7f <= r && r <= 0x9f || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}
