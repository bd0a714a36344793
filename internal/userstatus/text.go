package userstatus

import (
	"strings"
	"unicode/utf8"
)

// parseText accepts any string that can be stored and sent: valid UTF-8 without NUL. The error is a *ValueError.
func parseText(s string) (string, error) {
	switch {
	case !utf8.ValidString(s):
		return "", &ValueError{Value: s, Problem: "is not valid UTF-8", Right: "save the source as UTF-8"}
	case strings.IndexByte(s, 0) >= 0:
		return "", &ValueError{Value: s, Problem: "holds a NUL character", Right: "remove it"}
	}
	return s, nil
}
