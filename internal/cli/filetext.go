package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseTenants reads the text of a file of that name. All faults are reported joined, each with its line. Only what the
// text says is looked at: neither variables nor other files.
func parseTenants(file string, text []byte) ([]Served, error) {
	var document yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty: write tenants: and a list of them", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r := &fileReader{file: file}
	all := r.document(document.Content[0])
	if another := new(yaml.Node); !errors.Is(d.Decode(another), io.EOF) {
		r.fault(another, "there is more than one document: put all tenants into one list")
	}
	return all, r.all()
}

// fileReader walks the tree itself, because only the tree has lines.
type fileReader struct {
	file   string
	faults []lineFault
}

type lineFault struct {
	line int
	error
}

// all are the faults, in the order of the lines.
func (r *fileReader) all() error {
	slices.SortStableFunc(r.faults, func(a, b lineFault) int { return a.line - b.line })
	faults := make([]error, len(r.faults))
	for i, fault := range r.faults {
		faults[i] = fault.error
	}
	return errors.Join(faults...)
}

func (r *fileReader) at(node *yaml.Node) string { return fmt.Sprintf("%s:%d", r.file, node.Line) }

// fault must not be given the value of a node that may hold a secret by mistake.
func (r *fileReader) fault(node *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, lineFault{node.Line, fmt.Errorf("%s: %s", r.at(node), fmt.Sprintf(format, args...))})
}

// key is what a mapping may have.
type key struct {
	name     string
	required bool
	take     func(*yaml.Node)
}

// mapping has each key take its value, in the order of the text. It returns the keys that are there.
func (r *fileReader) mapping(value *yaml.Node, what string, keys []key) (seen map[string]*yaml.Node) {
	value = target(value)
	if value.Kind != yaml.MappingNode {
		r.fault(value, "%s must be a mapping, with the keys %s", what, keyNames(keys))
		return nil
	}
	seen = map[string]*yaml.Node{}
	for i := 0; i < len(value.Content); i += 2 {
		name := value.Content[i]
		known := slices.IndexFunc(keys, func(k key) bool { return k.name == name.Value })
		switch {
		case known < 0:
			r.fault(name, "%s has no %q: there are %s", what, name.Value, keyNames(keys))
		case seen[name.Value] != nil:
			r.fault(name, "%q is there already, in line %d", name.Value, seen[name.Value].Line)
		default:
			seen[name.Value] = name
			keys[known].take(value.Content[i+1])
		}
	}
	for _, k := range keys {
		if k.required && seen[k.name] == nil {
			r.fault(value, "%s has no %q, which it needs", what, k.name)
		}
	}
	return seen
}

func keyNames(keys []key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// one is mapping for keys of which exactly one must be there.
func (r *fileReader) one(value *yaml.Node, what string, keys []key) {
	seen := r.mapping(value, what, keys)
	if seen == nil || len(seen) == 1 {
		return
	}
	if len(seen) == 0 {
		r.fault(target(value), "%s is empty: write one of %s", what, keyNames(keys))
		return
	}
	var there []string
	for _, k := range keys {
		if seen[k.name] != nil {
			there = append(there, k.name)
		}
	}
	r.fault(target(value), "%s has %s: leave all out but one", what, strings.Join(there, " and "))
}

// text takes scalars as they are written, because 1.0 is a word here.
func (r *fileReader) text(value *yaml.Node, what string) string {
	value = target(value)
	if value.Kind != yaml.ScalarNode || value.Value == "" || value.ShortTag() == "!!null" {
		r.fault(value, "%s must be one word, not empty", what)
		return ""
	}
	return value.Value
}

func (r *fileReader) oneOf(value *yaml.Node, what string, words []string) string {
	text := r.text(value, what)
	if text != "" && !slices.Contains(words, text) {
		r.fault(value, "%s: %q is unknown: use one of %s", what, text, strings.Join(words, ", "))
	}
	return text
}

// parse has a word read by a parser whose error says what would be right.
func parse[T any](r *fileReader, value *yaml.Node, what string, parser func(string) (T, error)) (parsed T) {
	text := r.text(value, what)
	if text == "" {
		return parsed
	}
	parsed, err := parser(text)
	if err != nil {
		r.fault(value, "%s: %v", what, err)
	}
	return parsed
}

// target follows an alias to its anchor.
func target(value *yaml.Node) *yaml.Node {
	if value.Kind == yaml.AliasNode {
		return value.Alias
	}
	return value
}
