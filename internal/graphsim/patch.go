package graphsim

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// patch is what a valid body asks for: a change for each property it names.
type patch struct {
	changes []func(*Properties)
	seen    map[string]bool
}

func (p *patch) apply(to *Properties) {
	for _, change := range p.changes {
		change(to)
	}
}

// parsePatch validates a body for the status with this id. It answers with the
// first problem found, as the service does.
func parsePatch(body []byte, id string) (*patch, error) {
	p, err := parseProperties(body, id)
	if err != nil {
		return nil, err
	}
	if len(p.changes) == 0 {
		return nil, nothingChanged()
	}
	return p, nil
}

// parseProperties is parsePatch for an object that may name nothing.
func parseProperties(body []byte, id string) (*patch, error) {
	// The scan refuses trailing data and what a token walk would let pass;
	// a decoder would turn invalid UTF-8 into question marks.
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	tokens := json.NewDecoder(bytes.NewReader(body))
	tokens.UseNumber()
	if open, _ := tokens.Token(); open != json.Delim('{') {
		return nil, badRequest("The request body must be one JSON object.")
	}
	p := &patch{seen: make(map[string]bool, 8)}
	for tokens.More() {
		name, _ := tokens.Token()
		value, _ := tokens.Token()
		if err := p.take(name.(string), value, id); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// take validates one member. An object or an array comes as its opening
// delimiter, which no property accepts.
func (p *patch) take(name string, value json.Token, id string) error {
	if p.seen[name] {
		return badRequest("The property '%s' already exists in the object; duplicate property names are not allowed.", name)
	}
	p.seen[name] = true
	switch name {
	case "@odata.type":
		return mustEqual(name, value, odataType)
	case "id":
		return mustEqual(name, value, id)
	}
	read, known := propertyReaders[name]
	if !known {
		return badRequest("The property '%s' does not exist on type 'microsoft.graph.deviceConfigurationUserStatus'. Make sure to only use property names that are defined by the type.", name)
	}
	change, ok := read(value)
	if !ok {
		return badRequest("Cannot convert the value of property '%s' to the expected type '%s'.", name, edmTypes[name])
	}
	p.changes = append(p.changes, change)
	return nil
}

func mustEqual(name string, value json.Token, want string) error {
	if value != want {
		return badRequest("The value of '%s' must be '%s'.", name, want)
	}
	return nil
}

// propertyReaders turn a JSON value into a change, or refuse it.
var propertyReaders = map[string]func(json.Token) (func(*Properties), bool){
	"userDisplayName": func(v json.Token) (func(*Properties), bool) {
		text, ok := nullableString(v)
		return func(p *Properties) { p.UserDisplayName = text }, ok
	},
	"userPrincipalName": func(v json.Token) (func(*Properties), bool) {
		text, ok := nullableString(v)
		return func(p *Properties) { p.UserPrincipalName = text }, ok
	},
	"devicesCount": func(v json.Token) (func(*Properties), bool) {
		count, ok := int32Literal(v)
		return func(p *Properties) { p.DevicesCount = count }, ok
	},
	"status": func(v json.Token) (func(*Properties), bool) {
		text, ok := v.(string)
		return func(p *Properties) { p.Status = text }, ok && validComplianceStatus(text)
	},
	"lastReportedDateTime": func(v json.Token) (func(*Properties), bool) {
		text, ok := v.(string)
		return func(p *Properties) { p.LastReportedDateTime = text }, ok && validDateTimeOffset(text)
	},
}

var edmTypes = map[string]string{
	"userDisplayName":      "Edm.String",
	"userPrincipalName":    "Edm.String",
	"devicesCount":         "Edm.Int32",
	"status":               "microsoft.graph.complianceStatus",
	"lastReportedDateTime": "Edm.DateTimeOffset",
}

func nullableString(value json.Token) (*string, bool) {
	if value == nil {
		return nil, true
	}
	text, ok := value.(string)
	return &text, ok
}

// int32Literal takes digits with an optional minus only: 12.0 and 1e1 are whole
// numbers to JavaScript, not to an OData service.
func int32Literal(value json.Token) (int32, bool) {
	literal, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(literal.String(), 10, 32)
	return int32(n), err == nil
}
