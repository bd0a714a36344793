package main

import (
	"fmt"
	"io"
	"strings"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// planOf says how far the plan of a run has come and what it found.
func planOf(d *shown, v view) string {
	p := d.Plan
	if p == nil {
		return ""
	}
	var s string
	switch looked := p.Unchanged + p.Differ + p.Missing + p.Unread + p.LeftAlone; {
	case p.PlannedAt != nil:
		s = "read " + v.time(*p.PlannedAt)
	case d.State == "finished":
		s = "read"
	default:
		s = fmt.Sprintf("%s of %s looked at, %s of %s still to be read", number(looked), count(p.Rows, "row"), number(p.Open), count(p.Parts, "list"))
	}
	s += ": " + planCounts(p)
	if d.planPace != "" {
		s += "; " + d.planPace
	}
	for _, warning := range p.Warnings {
		s += "; " + warning
	}
	return s
}

func planCounts(p *audit.Plan) string {
	parts := []string{number(p.Unchanged) + " unchanged", number(p.Differ) + " to change"}
	if p.Missing > 0 {
		parts = append(parts, number(p.Missing)+" missing")
	}
	if p.LeftAlone > 0 {
		parts = append(parts, number(p.LeftAlone)+" left alone")
	}
	if p.Unread > 0 {
		parts = append(parts, number(p.Unread)+" could not be read")
	}
	return strings.Join(parts, ", ")
}

// writePlan is the table of what would be changed, or was: by configuration and property.
func writePlan(w io.Writer, d *audit.Detail, v view) error {
	if d.Plan == nil || len(d.Plan.Changes) == 0 {
		return nil
	}
	table := cli.NewTable(
		cli.Column{Title: "CONFIGURATION", Fit: cli.Wrap}, cli.Column{Title: "PROPERTY"}, cli.Column{Title: "ROWS", Right: true},
		cli.Column{Title: "FOR EXAMPLE (BEFORE → WANTED)", Fit: cli.Wrap},
	)
	for _, c := range d.Plan.Changes {
		where := c.DeviceConfigurationID
		if c.Route != "plain" {
			where += ", " + c.Route
		}
		if c.CertificateID != nil {
			where += ", " + *c.CertificateID
		}
		table.Add(where, c.Property, number(c.Rows), examples(&c))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := table.Write(w, v.width); err != nil {
		return err
	}
	more := ""
	if d.Plan.OtherChanges > 0 {
		more = fmt.Sprintf("%s of fewer rows. ", count(d.Plan.OtherChanges, "more line"))
	}
	_, err := fmt.Fprintf(w, "%sSee every row: audit plan %d -o plan.csv\n", more, d.ID)
	return err
}

// mostExamples are shown of a line.
const mostExamples = 3

func examples(c *audit.PlanChange) string {
	var all []string
	for i, e := range c.Examples {
		if i == mostExamples {
			break
		}
		which := "row " + number(e.Row)
		if e.Rows > 1 {
			which = fmt.Sprintf("%s from row %s on", count(e.Rows, "row"), number(e.Row))
		}
		all = append(all, fmt.Sprintf("%s → %s (%s)", e.Before, e.Wanted, which))
	}
	return strings.Join(all, "; ")
}
