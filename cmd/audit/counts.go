package main

import (
	"fmt"
	"io"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
)

// writeCounts names every way a row can end, so that they can be seen to add up, and of the answers that settled nothing
// those that came.
func writeCounts(w io.Writer, d *audit.Detail, v view) error {
	table := cli.NewTable(cli.Column{}, cli.Column{Right: true}, cli.Column{Fit: cli.Wrap})
	table.Add("rows", number(d.Rows), "")
	for _, c := range []struct {
		name string
		n    int
	}{
		{"applied", d.Applied}, {"unchanged", d.Unchanged}, {"superseded", d.Superseded}, {"rejected", d.Rejected}, {"failed", d.Failed},
		{"moved", d.Moved}, {"missing", d.Missing},
	} {
		if c.n == 0 && (c.name == "moved" || c.name == "missing") {
			continue // only of a run that was planned so
		}
		table.Add("  "+c.name, number(c.n), "")
	}
	if d.State == "cancelled" {
		table.Add("  cancelled", number(d.Cancelled), inFlight(d))
	} else {
		table.Add("  open", number(d.Open), inFlight(d))
	}
	table.Add("requests", number(d.Requests), perRow(d))
	for _, c := range answers(d) {
		if c.n > 0 {
			table.Add("  "+c.name, number(c.n), c.help)
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return table.Write(w, v.width)
}

// perRow tells what a settled row took, in requests.
func perRow(d *audit.Detail) string {
	if d.RequestsPerRow == nil {
		return ""
	}
	s := fmt.Sprintf("%.2f for each settled row", *d.RequestsPerRow)
	if d.Retries > 0 {
		s += "; rows came again " + times(d.Retries)
	}
	return s
}

func inFlight(d *audit.Detail) string {
	if d.InFlight == 0 {
		return ""
	}
	return number(d.InFlight) + " in flight"
}

// answer is a kind of answer that settled no row, and how many came.
type answer struct {
	name string
	n    int
	help string
}

func answers(d *audit.Detail) []answer {
	return []answer{
		{"throttled", d.Throttled, "Graph asked for fewer; the rows come again"},
		{"unauthorized", d.Unauthorized, "Graph refused the token; the rows come again"},
		{"refused", d.Refused, "Graph refused the whole run, which was held; the rows come again"},
		{"transient", d.Transient, "passing faults; the rows come again"},
		{"unknown", d.Unknown, "put in flight, no answer known: may have been sent as well; the rows come again"},
		{"late", d.Late, "answers after their row had been taken over; kept, and settled nothing"},
		{"observed", d.Observed, "present values read"},
	}
}
