package jobs

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// Bodies says what is kept of the bodies that go over the wire. The zero Bodies keeps them as they are.
type Bodies struct {
	kept string
	key  []byte
}

// What may be kept of bodies: all, all but names, or nothing.
const (
	FullBodies     = "full"
	RedactedBodies = "redacted"
	NoBodies       = "none"
)

// shortestKey is 128 bits.
const shortestKey = 16

// NewBodies returns what keeps bodies like that. Redacting takes a key of at least 16 bytes; nothing else takes one.
func NewBodies(kept, key string) (Bodies, error) {
	switch {
	case kept == RedactedBodies && len(key) < shortestKey:
		return Bodies{}, fmt.Errorf("redacted bodies take a key of at least %d bytes, by which names can be found again", shortestKey)
	case kept != RedactedBodies && key != "":
		return Bodies{}, fmt.Errorf("a key for names is only of use where bodies are redacted, and they are %s", kept)
	}
	return Bodies{kept, []byte(key)}, nil
}

// Pseudonym stands for a name where names are not kept: whoever has the key can work it out again and look for it. Case does not
// matter.
func Pseudonym(key []byte, name string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.ToLower(name)))
	return "hmac:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// of is the event as it may be recorded, with the reads beside it. wanted are the row's values, whose names an error may
// repeat.
func (b Bodies) of(e ledger.Event, wanted userstatus.Wanted) ledger.Event {
	if b.keepsAll() {
		return e
	}
	e.RequestBody, e.ResponseBody = b.body(e.RequestBody, wanted), b.body(e.ResponseBody, wanted)
	e.BodyCut = e.BodyCut && b.kept != NoBodies
	e.Error = b.text(e.Error, wanted)
	e.Reads = slices.Clone(e.Reads)
	for i := range e.Reads {
		e.Reads[i] = b.of(e.Reads[i], wanted)
	}
	return e
}

func (b Bodies) keepsAll() bool { return b.kept == "" || b.kept == FullBodies }

// name is what stands for a name.
func (b Bodies) name(name string) string {
	if b.kept == NoBodies {
		return "…"
	}
	return Pseudonym(b.key, name)
}

// nameForm is how a userPrincipalName looks, in whatever text.
var nameForm = regexp.MustCompile(`[^\s"'<>()=,;:/@\\]+@[^\s"'<>()=,;:/@\\]+\.[A-Za-z]+`)

// shortestName is a name that is looked for in texts: shorter ones are in every other word.
const shortestName = 3

// text is a text without what looks like a userPrincipalName, and without the names that the row asks for.
func (b Bodies) text(s string, wanted userstatus.Wanted) string {
	if b.keepsAll() {
		return s
	}
	s = nameForm.ReplaceAllStringFunc(s, b.name)
	for _, v := range [...]userstatus.Value[string]{wanted.UserPrincipalName, wanted.UserDisplayName} {
		if name, ok := v.Get(); ok && len(name) >= shortestName {
			s = strings.ReplaceAll(s, name, b.name(name))
		}
	}
	return s
}

// body is a body with pseudonyms for names. One that is no JSON, or not all of it, may hold anything, so it is not kept.
func (b Bodies) body(body []byte, wanted userstatus.Wanted) []byte {
	switch {
	case len(body) == 0:
		return body
	case b.kept == NoBodies:
		return nil
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber()
	var v any
	err := in.Decode(&v)
	if err == nil {
		if _, rest := in.Token(); !errors.Is(rest, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	var out bytes.Buffer
	if err == nil {
		to := json.NewEncoder(&out)
		to.SetEscapeHTML(false)
		err = to.Encode(b.redacted(v, wanted))
	}
	if err != nil || !json.Valid(out.Bytes()) {
		return fmt.Appendf(nil, "not kept: %d bytes that are not JSON from beginning to end", len(body))
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// names are the properties that are names whatever they look like.
var names = []string{userstatus.UserDisplayName.String(), userstatus.UserPrincipalName.String()}

func (b Bodies) redacted(v any, wanted userstatus.Wanted) any {
	switch v := v.(type) {
	case string:
		return b.text(v, wanted)
	case []any:
		for i := range v {
			v[i] = b.redacted(v[i], wanted)
		}
	case map[string]any:
		without := make(map[string]any, len(v))
		for property, value := range v {
			name, ok := value.(string)
			if ok && name != "" && (strings.EqualFold(property, names[0]) || strings.EqualFold(property, names[1])) {
				without[property] = b.name(name)
				continue
			}
			without[b.text(property, wanted)] = b.redacted(value, wanted)
		}
		return without
	}
	return v
}
