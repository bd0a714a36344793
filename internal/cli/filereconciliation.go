package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
	"graphpatch/internal/source"
	"graphpatch/internal/userstatus"
)

// Reconciliation is one of the file. Its tenant is that of the entry it is with.
type Reconciliation struct {
	jobs.Reconciliation

	at     string // where it stands in the file
	tenant string // the entry's name
}

// reconciliations reads the list, when all tenants are known, and puts each to the first entry of its tenant.
func (r *fileReader) reconciliations(list *yaml.Node, all []Served) {
	list = target(list)
	if list.Kind != yaml.SequenceNode {
		r.fault(list, "reconciliations must be a list")
		return
	}
	var before []Reconciliation
	for _, entry := range list.Content {
		one := r.reconciliation(entry)
		for _, other := range before {
			if one.Name != "" && one.Name == other.Name {
				r.fault(entry, "the reconciliation %q is there already, at %s", one.Name, other.at)
			}
		}
		before = append(before, one)
		i := slices.IndexFunc(all, func(s Served) bool { return s.Name == one.tenant })
		switch {
		case i >= 0:
			all[i].Reconciliations = append(all[i].Reconciliations, one)
		case one.tenant != "":
			r.fault(entry, "tenant: the file has no tenant %q; it has %s", one.tenant, servedNames(all))
		}
	}
}

// timing is what a reconciliation says of its times.
type timing struct {
	node *yaml.Node
	text string
	zone *time.Location
}

func (r *fileReader) reconciliation(entry *yaml.Node) Reconciliation {
	limit, _ := ledger.ParseFailureLimit("5%")
	one := Reconciliation{at: r.at(entry), Reconciliation: jobs.Reconciliation{CatchUp: true, Priority: 2, MaxFailures: limit}}
	when := timing{zone: time.UTC}
	var file *jobs.CSVFile
	var query *jobs.SQLQuery
	var columns source.CSVConfig
	r.mapping(entry, "a reconciliation", []key{
		{"name", true, func(v *yaml.Node) { one.Name = parse(r, v, "name", parseName) }},
		{"tenant", true, func(v *yaml.Node) { one.tenant = r.text(v, "tenant") }},
		{"schedule", true, func(v *yaml.Node) { when.node, when.text = v, r.text(v, "schedule") }},
		{"time-zone", false, func(v *yaml.Node) { when.zone = cmp.Or(parse(r, v, "time-zone", source.ParseZone), time.UTC) }},
		{"missed", false, func(v *yaml.Node) { one.CatchUp = r.oneOf(v, "missed", []string{"catch-up", "skip"}) == "catch-up" }},
		{"csv", false, func(v *yaml.Node) { file = r.csvFile(v, &columns) }},
		{"sql", false, func(v *yaml.Node) { query = r.sqlQuery(v) }},
		{"map", false, func(v *yaml.Node) { columns.Map = r.pairs(v, "map") }},
		{"set", false, func(v *yaml.Node) { columns.Set = r.pairs(v, "set") }},
		{"empty-as", false, func(v *yaml.Node) { columns.EmptyAsNull = r.oneOf(v, "empty-as", []string{"absent", "null"}) == "null" }},
		{"on-duplicate", false, func(v *yaml.Node) {
			columns.AllowDuplicates = r.oneOf(v, "on-duplicate", []string{"fault", "last"}) == "last"
		}},
		{"properties", true, func(v *yaml.Node) { one.Properties = r.propertyNames(v) }},
		{"max-age", false, func(v *yaml.Node) { one.MaxAge = parse(r, v, "max-age", parseAge) }},
		{"max-drift", false, func(v *yaml.Node) { one.MaxDrift = parse(r, v, "max-drift", ledger.ParseDriftLimit) }},
		{"max-failures", false, func(v *yaml.Node) { one.MaxFailures = parse(r, v, "max-failures", ledger.ParseFailureLimit) }},
		{"priority", false, func(v *yaml.Node) { one.Priority = parse(r, v, "priority", parsePriority) }},
	})
	one.Times = r.times(when)
	r.tryTable(entry, columns)
	switch {
	case (file == nil) == (query == nil):
		r.fault(target(entry), "a reconciliation needs either csv or sql: where its rows are")
	case file != nil:
		file.CSVConfig = columns
		one.Table = *file
	default:
		query.CSVConfig = columns
		one.Table = *query
		if one.MaxAge > 0 {
			r.fault(target(entry), "max-age is for files, which have a date: let the query tell nothing when what it reads is old")
		}
	}
	return one
}

func (r *fileReader) times(when timing) (times jobs.Times) {
	if when.text == "" {
		return nil
	}
	times, err := jobs.ParseTimes(when.text, when.zone)
	if err != nil {
		r.fault(when.node, "schedule: %q is no time of cron: write minute, hour, day, month and weekday, as in \"30 2 * * *\" (%v)", when.text, err)
	}
	return times
}

// tryTable finds what is wrong with how the columns are to be read, before a night comes in which it matters.
func (r *fileReader) tryTable(entry *yaml.Node, config source.CSVConfig) {
	config.Name, config.Tenant = r.file, uuid.Max
	config.Open = func() (io.ReadCloser, error) { return nil, errors.ErrUnsupported }
	if _, err := source.NewCSV(config); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			r.fault(entry, "%s", strings.TrimPrefix(line, "--"))
		}
	}
}

func (r *fileReader) csvFile(value *yaml.Node, columns *source.CSVConfig) *jobs.CSVFile {
	file := &jobs.CSVFile{}
	r.mapping(value, "csv", []key{
		{"file", true, func(v *yaml.Node) { file.Path = r.path(v, "file") }},
		{"delimiter", false, func(v *yaml.Node) { columns.Delimiter = parse(r, v, "delimiter", ParseDelimiter) }},
	})
	return file
}

// sqlQuery reads where to ask what. What stands elsewhere is read at each firing, because passwords change.
func (r *fileReader) sqlQuery(value *yaml.Node) *jobs.SQLQuery {
	query := &jobs.SQLQuery{Query: source.QueryConfig{Timeout: 10 * time.Minute}}
	seen := r.mapping(value, "sql", []key{
		{"source", true, func(v *yaml.Node) { query.Source = parse(r, v, "source", parsePlace) }},
		{"query", false, func(v *yaml.Node) { query.Query.Text = r.text(v, "query") }},
		{"query-file", false, func(v *yaml.Node) { query.File = r.path(v, "query-file") }},
		{"parameters", false, func(v *yaml.Node) { query.Query.Parameters = r.texts(v, "parameters") }},
		{"time-zone", false, func(v *yaml.Node) { query.Query.TimeZone = parse(r, v, "time-zone", source.ParseZone) }},
		{"timeout", false, func(v *yaml.Node) { query.Query.Timeout = parse(r, v, "timeout", parseQueryTimeout) }},
	})
	if seen != nil && (seen["query"] == nil) == (seen["query-file"] == nil) {
		r.fault(target(value), "sql needs either query or query-file")
	}
	if place, ok := strings.CutPrefix(query.Source, "file:"); ok && !filepath.IsAbs(place) {
		query.Source = "file:" + filepath.Join(filepath.Dir(r.file), place)
	}
	return query
}

// parsePlace looks only at an address that stands in the file itself.
func parsePlace(s string) (string, error) {
	if strings.HasPrefix(s, "env:") || strings.HasPrefix(s, "file:") {
		return s, nil
	}
	_, err := source.ReadAddress(s)
	return s, err
}

func parseQueryTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d > 30*time.Minute {
		return 0, fmt.Errorf("%q is no time for a query: write 1s to 30m", s)
	}
	return d, nil
}

func (r *fileReader) texts(value *yaml.Node, what string) (all []string) {
	value = target(value)
	if value.Kind != yaml.SequenceNode {
		r.fault(value, "%s must be a list", what)
		return nil
	}
	for _, v := range value.Content {
		all = append(all, r.text(v, what))
	}
	return all
}

// pairs reads a mapping whose keys are free.
func (r *fileReader) pairs(value *yaml.Node, what string) map[string]string {
	value = target(value)
	if value.Kind != yaml.MappingNode {
		r.fault(value, "%s must be a mapping", what)
		return nil
	}
	all := map[string]string{}
	for i := 0; i < len(value.Content); i += 2 {
		name := value.Content[i]
		if _, there := all[name.Value]; there {
			r.fault(name, "%s: %q is there already", what, name.Value)
		}
		all[name.Value] = r.text(value.Content[i+1], what+" "+name.Value)
	}
	return all
}

// propertyNames are what the source must have, so that a column which is missing one day is no silent success.
func (r *fileReader) propertyNames(value *yaml.Node) (names []string) {
	value = target(value)
	if value.Kind != yaml.SequenceNode || len(value.Content) == 0 {
		r.fault(value, "properties must be a list of those that the source has, such as [status, devicesCount]")
		return nil
	}
	for _, v := range value.Content {
		names = append(names, r.oneOf(v, "properties", userstatus.AllProperties.Names()))
	}
	return names
}

func parseAge(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time: write one such as 36h", s)
	}
	return d, nil
}

func parsePriority(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 4 {
		return 0, fmt.Errorf("%q is no priority: use 1 to 4", s)
	}
	return n, nil
}

// ParseDelimiter reads what separates the cells of a file; 0 is for finding it out.
func ParseDelimiter(s string) (rune, error) {
	switch s {
	case "":
		return 0, nil
	case "tab", `\t`:
		return '\t', nil
	case ",", ";", "|", "\t":
		return rune(s[0]), nil
	}
	return 0, fmt.Errorf("%q: use one of , ; | tab", s)
}
