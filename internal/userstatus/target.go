package userstatus

import (
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Target is the status an update addresses.
type Target struct {
	Tenant          uuid.UUID
	Route           string // a Route's short name
	ConfigurationID string
	CertificateID   string // only for a route with a third id
	StatusID        string
}

// Key is what a target is known by in tables and locks: the first 16 bytes of SHA-256 over the canonical target.
type Key = uuid.UUID

// Key returns the target's key. Ids are opaque and compared exactly, but for GUIDs in them, which are the same in
// either case: two spellings of one GUID must not be two targets, otherwise two updates of one status could be in
// flight at once.
func (t Target) Key() Key {
	buf := make([]byte, 0, 256)
	buf = append(buf, t.Tenant[:]...)
	// NUL cannot stand in an id (ParseID), so no two targets share a canonical form.
	for _, part := range [...]string{t.Route, t.ConfigurationID, t.CertificateID, t.StatusID} {
		buf = append(buf, 0)
		buf = appendLowerGUIDs(buf, part)
	}
	sum := sha256.Sum256(buf)
	return Key(sum[:16])
}

const guidLen = 36

func appendLowerGUIDs(buf []byte, s string) []byte {
	for i := 0; i < len(s); {
		if !isGUID(s[i:]) {
			buf = append(buf, s[i])
			i++
			continue
		}
		for _, c := range []byte(s[i : i+guidLen]) {
			if 'A' <= c && c <= 'F' {
				c += 'a' - 'A'
			}
			buf = append(buf, c)
		}
		i += guidLen
	}
	return buf
}

// isGUID reports whether s begins with a GUID. The first hyphen is looked for first: of most places that is enough, and
// every id of every row comes through here twice.
func isGUID(s string) bool {
	if len(s) < guidLen || s[8] != '-' {
		return false
	}
	for i := range guidLen {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (s[i] == '-') || !hyphen && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isInvisible finds byte order marks, joiners, changes of direction and separators of lines. None is in an id of
// Intune's; copied along, they make an id that looks like another and is not.
func isInvisible(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }

// maxID is the length in bytes above which an id is a mistake: Intune's own are one or two GUIDs.
const maxID = 256

// ParseID checks one id of a path. Ids are opaque, but an empty one silently addresses the whole collection, "."
// and ".." are taken for path steps, and "$…" for a system resource of OData. The error is a *ValueError.
func ParseID(s string) (string, error) {
	bad := func(problem, right string) (string, error) {
		return "", &ValueError{Value: s, Problem: problem, Right: right}
	}
	switch {
	case s == "":
		return bad("is an empty id", "every row needs one; Graph takes an empty id for the whole collection")
	case len(s) > maxID:
		return bad("is longer than 256 bytes", "Intune's ids are one or two GUIDs")
	case s == "." || s == "..":
		return bad("is a path step, not an id", "use the id that Graph shows")
	case s[0] == '$':
		return bad("begins with a dollar sign", "OData reserves such names; use the id that Graph shows")
	case !utf8.ValidString(s):
		return bad("is not valid UTF-8", "save the source as UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return bad("holds a control character", "use the id that Graph shows")
	case strings.ContainsFunc(s, isInvisible):
		return bad("holds an invisible character", "type it anew, or copy the id that Graph shows from a plain text")
	case strings.TrimSpace(s) != s:
		return bad("begins or ends with white space", "write "+Quote(strings.TrimSpace(s)))
	}
	return s, nil
}
