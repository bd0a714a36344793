package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/userstatus"
)

type revertCommand struct {
	RunNumber cli.RunNumber `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it."`
	cli.Conditions
	runOptions
}

// Help is what --help adds; kong calls it.
func (c *revertCommand) Help() string {
	return `Makes a new run, on hold, that asks for the values which were seen before an earlier run had changed them. Look at it, then release it. Each status is read just before its row is sent: one that does not show any more what the run wrote is left as it is.

Rows of which no values from before are known, and rows that later updates ask for, are left out and named. Which rows is said of the last event of each, as for a replay.

Example:

  enqueue revert 202611000042 --dry-run`
}

// Validate checks what kong cannot; kong calls it.
func (c *revertCommand) Validate() error {
	var faults []error
	if c.Wait {
		faults = append(faults, errors.New("--wait: the run is on hold until it is released, so there is nothing to wait for"))
	}
	if c.Plan || c.Recheck || c.SkipMissing || c.Blind {
		faults = append(faults, errors.New("a revert reads each status just before its row is sent: leave out --plan, --recheck, --skip-missing and --blind"))
	}
	if c.Final {
		faults = append(faults, errors.New("--final: rows are chosen by what was sent for them, whether it settled them or not"))
	}
	if c.Row != nil && *c.Row == 0 {
		faults = append(faults, errors.New("--row=0: rows are counted from 1; nothing of the run itself can be taken back"))
	}
	_, err := c.Conditions.Filter(c.RunNumber, time.Now())
	return errors.Join(append(faults, err, c.runOptions.Validate())...)
}

// Run makes the new run.
func (c *revertCommand) Run(ctx context.Context, streams cli.Streams) error {
	filter, err := c.Conditions.Filter(c.RunNumber, time.Now())
	if err != nil {
		return cli.Usage(err)
	}
	return madeOf(ctx, &c.runOptions, func(a *audit.Audit) (*audit.Revert, error) { return a.OpenRevert(ctx, filter) }, func(revert *audit.Revert) error {
		return c.takeBack(ctx, streams, filter, revert)
	})
}

// takeBack makes the new run of what can be taken back of an earlier one.
func (c *revertCommand) takeBack(ctx context.Context, streams cli.Streams, filter audit.EventFilter, revert *audit.Revert) error {
	origin := revert.Origin()
	s, err := selectReverted(ctx, revert)
	if err != nil {
		return err
	}
	note, err := noteOf(origin, "revert", askedOf(&audit.ReplayFilter{Events: filter}))
	if err != nil {
		return err
	}
	c.Hold = !c.DryRun // a person looks first
	c.Blind = true     // it reads each status by itself, just before its row is sent
	b := &batch{
		kind: "revert", name: "revert of " + origin.Name, from: fmt.Sprintf("run %d", origin.ID),
		tenant: origin.Tenant, origin: origin.ID, known: revert.Known(), rows: s.sum.Rows, each: revertedRows(ctx, revert),
		fingerprint: sha256.Sum256(fmt.Appendf(nil, "revert of %d: %x", origin.ID, s.sum.Fingerprint)),
		note:        note, described: s.describeRevert(origin.ID), leftOut: s.leftOut(), kept: func() error { revert.Close(ctx); return nil },
	}
	b.options.Duplicates = hasDuplicates(origin)
	if c.DryRun {
		b.leftOut += s.first()
	}
	if b.rows == 0 {
		return cli.Usage(fmt.Errorf("%s: there is nothing that could be taken back. Nothing was enqueued\n%s", b.from, strings.TrimSuffix(b.leftOut, "\n")))
	}
	return c.enqueue(ctx, streams, b)
}

// revertSelection is what the first reading of a revert found.
type revertSelection struct {
	*selection
	whyNot []notReverted // the first rows that are left out
}

// revertReport is what a program is told of a revert.
type revertReport struct {
	Origin   int64          `json:"origin"`
	Outcomes map[string]int `json:"outcomes"` // of the rows that are taken back: how they ended
	LeftOut  int            `json:"leftOut"`  // rows that something may have changed, and that are not taken back
	NotTaken []notReverted  `json:"notTaken"` // those rows, up to a thousand
	First    []exampleRow   `json:"first"`    // rows that are taken back, up to ten
}

type notReverted struct {
	originRow
	Why      string `json:"why"`
	LaterRun int64  `json:"laterRun,omitempty"`
	LaterRow int    `json:"laterRow,omitempty"`
}

func selectReverted(ctx context.Context, revert *audit.Revert) (*revertSelection, error) {
	s := &revertSelection{selection: newSelection(), whyNot: []notReverted{}}
	err := revert.Each(ctx, func(r *audit.Reverted) error {
		if !r.LeftOut() {
			s.add(&r.Row, r.Origin, r.Last)
			return nil
		}
		s.without++
		if len(s.whyNot) < maxLater {
			s.whyNot = append(s.whyNot, notReverted{originOf(&r.Row, r.Origin, r.Last), r.WhyNot, r.LaterRun, r.LaterRow})
		}
		return nil
	})
	s.tally.Tell(s.sum)
	return s, err
}

func (s *revertSelection) describeRevert(origin int64) description {
	d := s.describe()
	d.Revert = &revertReport{Origin: origin, Outcomes: s.outcomes, LeftOut: s.without, NotTaken: s.whyNot, First: s.examples}
	return d
}

// leftOut lists, for a person, what is not taken back.
func (s *revertSelection) leftOut() string {
	if s.without == 0 {
		return ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s left out:\n", rowsVerb(s.without, "is", "are"))
	for _, r := range s.whyNot[:min(len(s.whyNot), shownLater)] {
		fmt.Fprintf(&text, "  %s: %s\n", r.name(), cli.Visible(r.Why))
	}
	if more := s.without - shownLater; more > 0 {
		fmt.Fprintf(&text, "  … and %s more\n", humanize.Comma(int64(more)))
	}
	return text.String()
}

// revertedRows yields the rows that are to be taken back.
func revertedRows(ctx context.Context, revert *audit.Revert) iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		err := revert.Each(ctx, func(r *audit.Reverted) error {
			if r.LeftOut() || yield(r.Row, nil) {
				return nil
			}
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(userstatus.Row{}, err)
		}
	}
}

// hasDuplicates reports whether several rows of a run may have the same target.
func hasDuplicates(origin *audit.Detail) bool {
	var options struct {
		Duplicates bool `json:"duplicates"`
	}
	return json.Unmarshal(origin.Options, &options) == nil && options.Duplicates
}
