package graph

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"unicode"
)

// said is what the body of an error tells: Graph's code, and its message for a person.
type said struct{ code, message string }

// maxSaid is how much of an error's words is shown and logged, in bytes: as much as a few lines. The audit has the body.
const maxSaid = 2000

func (s said) String() string {
	text := s.code + ": " + s.message
	switch {
	case s.code == "":
		text = s.message
	case s.message == "":
		text = s.code
	}
	return cutWords(text)
}

// cutWords cuts what is longer than a person is shown, between two characters.
func cutWords(text string) string {
	if len(text) <= maxSaid {
		return text
	}
	return strings.ToValidUTF8(text[:maxSaid], "") + "…"
}

// contains reports whether code or message hold a phrase, in any case.
func (s said) contains(phrase string) bool {
	phrase = strings.ToLower(phrase)
	return strings.Contains(strings.ToLower(s.code), phrase) || strings.Contains(strings.ToLower(s.message), phrase)
}

// maxUnwrap is how often Intune has been seen to wrap an error into the message of another, and one more.
const maxUnwrap = 3

// readError finds out what an error's body says. Gateways answer with HTML, with nothing or with half of it; whatever it
// is, the result is text that can be shown, no longer than a few lines.
func readError(body []byte) said {
	text := strings.ToValidUTF8(string(body), "\uFFFD")
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return said{}
	case strings.HasPrefix(trimmed, "<"):
		return said{message: textOfPage(trimmed)}
	case !strings.HasPrefix(trimmed, "{"):
		return said{}
	}
	s, ok := readObject(trimmed)
	if !ok {
		s = salvage(trimmed)
	}
	return s.unwrap()
}

// readObject reads {"error":{"code":…,"message":…,"innerError":…}}. The names of members count in any case, because
// innererror has been seen as well. A member of an odd type, such as a code that is a number, does not make the others
// worthless.
func readObject(text string) (said, bool) {
	var answer struct{ Error json.RawMessage }
	if json.Unmarshal([]byte(text), &answer) != nil {
		return said{}, false
	}
	return readMembers(answer.Error, maxUnwrap), true
}

func readMembers(object json.RawMessage, levels int) said {
	var e struct {
		Code, Message, InnerError json.RawMessage
	}
	if json.Unmarshal(object, &e) != nil {
		return said{}
	}
	s := said{code: asText(e.Code), message: asText(e.Message)}
	if s.code == "" && s.message == "" && levels > 0 && len(e.InnerError) > 0 {
		return readMembers(e.InnerError, levels-1)
	}
	return s
}

func asText(member json.RawMessage) string {
	var s string
	_ = json.Unmarshal(member, &s) // of another type: nothing
	return s
}

var (
	codeMember    = regexp.MustCompile(`(?i)"code"\s*:\s*("(?:[^"\\]|\\.)*")`)
	messageMember = regexp.MustCompile(`(?i)"message"\s*:\s*("(?:[^"\\]|\\.)*)("?)`)
)

// salvage takes out of a body that broke off its code, if it is whole, and as much of its message as is there.
func salvage(text string) (s said) {
	if m := codeMember.FindStringSubmatch(text); m != nil {
		s.code = asText(json.RawMessage(m[1]))
	}
	if m := messageMember.FindStringSubmatch(text); m != nil {
		if s.message = asText(json.RawMessage(m[1] + `"`)); m[2] == "" && s.message != "" {
			s.message += "…"
		}
	}
	return s
}

// unwrap takes the innermost message out of messages that are themselves JSON, which is how Intune answers. The code of an
// inner error counts when the outer one says nothing.
func (s said) unwrap() said {
	for range maxUnwrap {
		if !strings.HasPrefix(strings.TrimSpace(s.message), "{") {
			break
		}
		var inner struct {
			Code, Message, Error json.RawMessage
		}
		if json.Unmarshal([]byte(s.message), &inner) != nil {
			break
		}
		found := said{code: asText(inner.Code), message: asText(inner.Message)}
		if found.message == "" {
			found = readMembers(inner.Error, maxUnwrap)
		}
		if found.message == "" {
			break
		}
		s.message = found.message
		if found.code != "" && (s.code == "" || strings.EqualFold(s.code, "UnknownError")) {
			s.code = found.code
		}
	}
	return s
}

var (
	hiddenElements = regexp.MustCompile(`(?is)<(script|style)\b.*?(</(script|style)\s*>|$)|<!--.*?(-->|$)`)
	title          = regexp.MustCompile(`(?is)<title[^>]*>(.*?)(</title|$)`)
	tags           = regexp.MustCompile(`(?s)<[^>]*(>|$)`)
)

// maxPageText is how much of a page's text a person is shown, in characters.
const maxPageText = 200

// textOfPage is the title of an HTML page, or its first words.
func textOfPage(page string) string {
	page = hiddenElements.ReplaceAllString(page, " ")
	text := ""
	if m := title.FindStringSubmatch(page); m != nil {
		text = words(m[1])
	}
	if text == "" {
		text = words(tags.ReplaceAllString(page, " "))
	}
	if characters := []rune(text); len(characters) > maxPageText {
		text = string(characters[:maxPageText]) + "…"
	}
	return text
}

// words is text without markup, with one space between its words.
func words(markup string) string {
	return strings.Join(strings.FieldsFunc(html.UnescapeString(markup), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}
