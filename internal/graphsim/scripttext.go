package graphsim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ParseScript reads the YAML, or JSON, that ScriptHelp shows; of a rule only the
// answers must be there. All faults are reported joined, each with its line. No
// text is no rules.
func ParseScript(text []byte) (Script, error) {
	var document yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&document)
	if errors.Is(err, io.EOF) {
		return Script{}, nil
	}
	if err != nil {
		return Script{}, fmt.Errorf("script: %w", err)
	}
	r := &scriptReader{}
	rules := r.rules(document.Content[0])
	if another := new(yaml.Node); !errors.Is(d.Decode(another), io.EOF) {
		r.fault(another, "there is more than one document")
	}
	if len(r.faults) > 0 {
		return Script{}, errors.Join(r.faults...)
	}
	return Script{rules: rules}, nil
}

// scriptReader walks the tree itself, because only the tree has lines.
type scriptReader struct {
	faults []error
}

func (r *scriptReader) fault(at *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("script line %d: %s", at.Line, fmt.Sprintf(format, args...)))
}

func (r *scriptReader) rules(list *yaml.Node) (rules []rule) {
	if list.ShortTag() == "!!null" {
		return nil
	}
	r.list(list, "the script", func(entry *yaml.Node) {
		rules = append(rules, r.rule(entry))
	})
	return rules
}

func (r *scriptReader) rule(entry *yaml.Node) rule {
	read := rule{times: 1, then: scriptOK}
	var answers *yaml.Node
	known := r.mapping(entry, "a rule", map[string]func(*yaml.Node){
		"match":   func(value *yaml.Node) { read.match = r.match(value) },
		"answers": func(value *yaml.Node) { answers = value },
		"times":   func(value *yaml.Node) { read.times = r.times(value) },
		"then":    func(value *yaml.Node) { read.then = r.oneOf(value, "then", afterTheLast) },
	})
	if answers == nil {
		if known {
			r.fault(entry, "a rule without answers")
		}
		return read
	}
	read.answers = r.answers(answers, read.match)
	return read
}

func (r *scriptReader) match(value *yaml.Node) (match subject) {
	r.mapping(value, "match", map[string]func(*yaml.Node){
		"method":        func(value *yaml.Node) { match.method = r.oneOf(value, "method", []string{"GET", "PATCH"}) },
		"route":         func(value *yaml.Node) { match.route = r.oneOf(value, "route", RouteNames()) },
		"configuration": func(value *yaml.Node) { match.configuration = r.text(value, "configuration") },
		"status":        func(value *yaml.Node) { match.statusID = r.text(value, "status") },
	})
	return match
}

// answers come last, because which kinds make sense depends on what is matched.
func (r *scriptReader) answers(list *yaml.Node, match subject) (kinds []faultKind) {
	r.list(list, "answers", func(entry *yaml.Node) {
		word := r.oneOf(entry, "an answer", append([]string{scriptOK}, faultKindNames()...))
		kind, _ := findFaultKind(word)
		if err := kind.only.checkMethod(match.method); err != nil {
			r.fault(entry, "answer %s: %v", word, err)
		}
		kinds = append(kinds, kind)
	})
	if list.Kind == yaml.SequenceNode && len(kinds) == 0 {
		r.fault(list, "answers are empty")
	}
	return kinds
}

func (r *scriptReader) times(value *yaml.Node) int {
	text := r.text(value, "times")
	n, err := strconv.Atoi(text)
	if text != "" && (err != nil || n < 1 || n > maxTimes) {
		r.fault(value, "times %q: must be a whole number from 1 to %d", text, maxTimes)
	}
	return n
}

// maxTimes keeps the number of answers far from overflow.
const maxTimes = 1_000_000_000

// mapping calls what belongs to each key, and says whether value is a mapping.
func (r *scriptReader) mapping(value *yaml.Node, what string, keys map[string]func(*yaml.Node)) bool {
	value = resolve(value)
	if value.Kind != yaml.MappingNode {
		r.fault(value, "%s must be a mapping", what)
		return false
	}
	seen := map[string]bool{}
	for i := 0; i < len(value.Content); i += 2 {
		key := value.Content[i]
		take, known := keys[key.Value]
		switch {
		case !known:
			r.fault(key, "%s has no %q", what, key.Value)
		case seen[key.Value]:
			r.fault(key, "%q is there already", key.Value)
		default:
			take(value.Content[i+1])
		}
		seen[key.Value] = true
	}
	return true
}

func (r *scriptReader) list(value *yaml.Node, what string, take func(*yaml.Node)) {
	value = resolve(value)
	if value.Kind != yaml.SequenceNode {
		r.fault(value, "%s must be a list", what)
		return
	}
	for _, entry := range value.Content {
		take(entry)
	}
}

func (r *scriptReader) oneOf(value *yaml.Node, what string, words []string) string {
	text := r.text(value, what)
	if text == "" || slices.Contains(words, text) {
		return text
	}
	r.fault(value, "%s %q is unknown: there are %s", what, text, strings.Join(words, ", "))
	return ""
}

// text takes scalars as they are written, because 503 is a word here. An empty
// one is a fault, otherwise it would match everything.
func (r *scriptReader) text(value *yaml.Node, what string) string {
	value = resolve(value)
	if value.Kind != yaml.ScalarNode || value.Value == "" {
		r.fault(value, "%s must be one word, not empty", what)
		return ""
	}
	return value.Value
}

// resolve follows an alias to its anchor.
func resolve(value *yaml.Node) *yaml.Node {
	if value.Kind == yaml.AliasNode {
		return value.Alias
	}
	return value
}
