package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/source"
	"graphpatch/internal/userstatus"
)

// selection is what the first reading of a replay found.
type selection struct {
	sum      *source.Summary // once all rows are read
	tally    *source.Tally
	outcomes map[string]int // rows to be sent, by how they ended
	without  int            // rows of which nothing is sent
	partly   int            // rows of which something is not
	erased   int            // rows without values
	later    []laterRow     // the first of both
	examples []exampleRow   // the first rows to be sent
}

// replayReport is what a program is told of a replay.
type replayReport struct {
	Origin   int64          `json:"origin"`
	Force    bool           `json:"force"`
	Outcomes map[string]int `json:"outcomes"` // of the rows that are sent again: how they ended
	LeftOut  int            `json:"leftOut"`  // rows: later updates ask for all that they do
	Partly   int            `json:"partly"`   // rows that are sent without what later updates ask for
	Later    []laterRow     `json:"later"`    // those rows, up to a thousand
	Erased   int            `json:"erased"`   // rows from which a person's values were removed: not sent either
	First    []exampleRow   `json:"first"`    // rows that are sent, up to ten
}

// originRow says which row of the earlier run is meant.
type originRow struct {
	Row             int    `json:"row"`
	Line            int64  `json:"line"`
	Route           string `json:"route"`
	ConfigurationID string `json:"deviceConfigurationId"`
	CertificateID   string `json:"certificateId,omitempty"`
	StatusID        string `json:"userStatusId"`
	Outcome         string `json:"outcome"`
}

// laterRow is a row that later updates of its status keep from being sent, or from being sent whole.
type laterRow struct {
	originRow
	LeftOut    bool     `json:"leftOut"`
	Properties []string `json:"properties"` // that are not sent
	LaterRun   int64    `json:"laterRun"`
	LaterRow   int      `json:"laterRow"`
}

type exampleRow struct {
	originRow
	Body json.RawMessage `json:"body"`
}

const (
	maxLater    = 1000
	shownLater  = 20 // to a person
	maxExamples = 10
)

func newSelection() *selection {
	return &selection{sum: &source.Summary{}, tally: source.NewTally(), outcomes: map[string]int{}, later: []laterRow{}, examples: []exampleRow{}}
}

// selectRows reads the replay for the first time.
func selectRows(ctx context.Context, replay *audit.Replay) (*selection, error) {
	s := newSelection()
	err := replay.Each(ctx, func(r *audit.Replayed) error {
		switch {
		case r.Erased:
			s.erased++
		case r.Dropped != 0:
			s.addLater(r)
		}
		if !r.LeftOut() {
			s.add(&r.Row, r.Origin, r.Last)
		}
		return nil
	})
	s.tally.Tell(s.sum)
	return s, err
}

// add counts a row that is to be sent.
func (s *selection) add(row *userstatus.Row, origin int, last string) {
	s.tally.Add(&row.Update)
	s.outcomes[last]++
	if len(s.examples) < maxExamples {
		s.examples = append(s.examples, exampleRow{originOf(row, origin, last), row.Update.Wanted.Body()})
	}
}

func (s *selection) addLater(r *audit.Replayed) {
	if r.LeftOut() {
		s.without++
	} else {
		s.partly++
	}
	if len(s.later) < maxLater {
		s.later = append(s.later, laterRow{originOf(&r.Row, r.Origin, r.Last), r.LeftOut(), r.Dropped.Names(), r.LaterRun, r.LaterRow})
	}
}

func originOf(row *userstatus.Row, origin int, last string) originRow {
	t := &row.Update.Target
	return originRow{origin, row.Line, t.Route, t.ConfigurationID, t.CertificateID, t.StatusID, last}
}

func (s *selection) describeReplay(origin int64, force bool) description {
	d := s.describe()
	d.Replay = &replayReport{
		Origin: origin, Force: force, Outcomes: s.outcomes, LeftOut: s.without, Partly: s.partly, Later: s.later, Erased: s.erased, First: s.examples,
	}
	return d
}

func (s *selection) describe() description {
	var ended []string
	for _, outcome := range slices.Sorted(maps.Keys(s.outcomes)) {
		ended = append(ended, humanize.Comma(int64(s.outcomes[outcome]))+" "+outcome)
	}
	return description{
		Rows: s.sum.Rows, Configurations: s.sum.Configurations, Routes: s.sum.Routes, more: s.sum.ConfigurationsMore,
		written: strings.Join(ended, ", "),
	}
}

// leftOut lists, for a person, what later updates keep from being sent.
func (s *selection) leftOut() string {
	var text strings.Builder
	if s.erased > 0 {
		fmt.Fprintf(&text, "%s left out: a person's values were erased from them.\n", rowsVerb(s.erased, "is", "are"))
	}
	if s.without > 0 {
		fmt.Fprintf(&text, "%s left out: later updates have reached the same status since, or are still to be sent. --force sends them all the same.\n",
			rowsVerb(s.without, "is", "are"))
	}
	if s.partly > 0 {
		fmt.Fprintf(&text, "%s sent without the properties that later updates ask for.\n", rowsVerb(s.partly, "is", "are"))
	}
	for _, r := range s.later[:min(len(s.later), shownLater)] {
		how := "without " + strings.Join(r.Properties, ", ")
		if r.LeftOut {
			how = "left out"
		}
		fmt.Fprintf(&text, "  %s: %s, for row %s of run %d\n", r.name(), how, humanize.Comma(int64(r.LaterRow)), r.LaterRun)
	}
	if more := s.without + s.partly - shownLater; more > 0 {
		fmt.Fprintf(&text, "  … and %s more\n", humanize.Comma(int64(more)))
	}
	return text.String()
}

// first shows, for a person, the first rows that would be sent.
func (s *selection) first() string {
	var text strings.Builder
	for _, r := range s.examples {
		var values map[string]json.RawMessage
		if json.Unmarshal(r.Body, &values) != nil {
			continue // it is our own
		}
		var asks []string
		for _, name := range userstatus.AllProperties.Names() {
			if value, ok := values[name]; ok {
				asks = append(asks, name+" "+string(value))
			}
		}
		fmt.Fprintf(&text, "  %s, %s: %s\n", r.name(), r.Outcome, cli.Visible(strings.Join(asks, ", ")))
	}
	if text.Len() == 0 {
		return ""
	}
	return "It would send:\n" + text.String() + s.andMore()
}

func (s *selection) andMore() string {
	if more := s.sum.Rows - len(s.examples); more > 0 {
		return fmt.Sprintf("  … and %s more\n", humanize.Comma(int64(more)))
	}
	return ""
}

// name is the row and its status.
func (r *originRow) name() string {
	ids := r.ConfigurationID + " " + r.StatusID
	if r.CertificateID != "" {
		ids = r.ConfigurationID + " " + r.CertificateID + " " + r.StatusID
	}
	return fmt.Sprintf("row %s (line %s), %s", humanize.Comma(int64(r.Row)), humanize.Comma(r.Line), cli.Visible(ids))
}
