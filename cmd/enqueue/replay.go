package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"graphpatch/internal/audit"
	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

type replayCommand struct {
	RunNumber cli.RunNumber   `arg:"" name:"run" help:"The run's number, as enqueue and audit runs show it."`
	Outcome   []replayOutcome `placeholder:"OUTCOME" help:"Rows that ended like this: applied, rejected, failed, unchanged, superseded; open or cancelled; open ones that came last to throttled, transient, unknown, unauthorized, refused or observed; or all. Repeatable, or with commas (default: rejected and failed)."`
	cli.Conditions
	Force bool `help:"Send also what later updates have reached since. Without it that is left out and listed, so that no old value comes back by accident."`
	runOptions
}

// replayOutcome is a flag that reads itself.
type replayOutcome string

func (o *replayOutcome) UnmarshalText(b []byte) error {
	name, err := audit.ParseReplayOutcome(string(b))
	*o = replayOutcome(name)
	return err
}

// Help is what --help adds; kong calls it.
func (c *replayCommand) Help() string {
	return `Makes a new run of rows of an earlier one, with the values they asked for. Which rows is said of the last event of each: the one that settled it or, while none did, the newest.

What later updates of the same status have reached since, or are still to send, is left out, property by property. Both runs say what they have to do with each other: see audit show.

Examples:

  enqueue replay 202611000042 --dry-run

  enqueue replay 202611000042 --outcome failed --since 2h

  enqueue replay 202611000042 --outcome all --user 'anna.*' --hold`
}

// Validate checks what kong cannot; kong calls it.
func (c *replayCommand) Validate() error {
	_, err := c.filter(time.Now())
	return errors.Join(err, c.runOptions.Validate())
}

func (c *replayCommand) filter(now time.Time) (audit.ReplayFilter, error) {
	events, err := c.Conditions.Filter(c.RunNumber, now)
	if events.Row != nil && *events.Row == 0 {
		err = errors.Join(err, errors.New("--row=0: rows are counted from 1; nothing of the run itself can be sent"))
	}
	for _, o := range c.Outcome {
		events.Outcomes = append(events.Outcomes, string(o))
	}
	return audit.ReplayFilter{Events: events, Force: c.Force}, err
}

// Run makes the new run.
func (c *replayCommand) Run(ctx context.Context, streams cli.Streams) error {
	filter, err := c.filter(time.Now())
	if err != nil {
		return cli.Usage(err)
	}
	return madeOf(ctx, &c.runOptions, func(a *audit.Audit) (*audit.Replay, error) { return a.OpenReplay(ctx, filter) }, func(replay *audit.Replay) error {
		s, err := selectRows(ctx, replay)
		if err != nil {
			return err
		}
		b, err := c.batch(ctx, replay, filter, s)
		if err != nil {
			return err
		}
		if b.rows == 0 {
			return cli.Usage(fmt.Errorf("%s: no row is left to be sent again. Nothing was enqueued\n%s", b.from, strings.TrimSuffix(b.leftOut, "\n")))
		}
		return c.enqueue(ctx, streams, b)
	})
}

// earlier is a run that a new one is made of.
type earlier interface {
	Origin() *audit.Detail
	Close(context.Context)
}

// madeOf opens an earlier run and has a new one made of it, for the same tenant.
func madeOf[E earlier](ctx context.Context, o *runOptions, open func(*audit.Audit) (E, error), enqueue func(E) error) (err error) {
	pools, err := o.ConnectToRead(ctx, "enqueue")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close(ctx)) }()
	run, err := open(audit.New(pools.Main))
	if err != nil {
		return refusedReplay(err)
	}
	defer run.Close(ctx)
	if err := o.fixTenant(ctx, run.Origin().ID, run.Origin().Tenant); err != nil {
		return err
	}
	return enqueue(run)
}

// refusedReplay turns what a person can do something about into wrong usage.
func refusedReplay(err error) error {
	_, open := errors.AsType[*audit.StillOpenError](err)
	_, purged := errors.AsType[*audit.PurgedError](err)
	if open || purged || errors.Is(err, audit.ErrNoRun) {
		return cli.Usage(err)
	}
	return err
}

// batch is the selected rows on their way to become a run. They are read once more, from the same snapshot.
func (c *replayCommand) batch(ctx context.Context, replay *audit.Replay, filter audit.ReplayFilter, s *selection) (*batch, error) {
	origin := replay.Origin()
	note, err := noteOf(origin, "replay", askedOf(&filter))
	if err != nil {
		return nil, err
	}
	b := &batch{
		kind: "replay", name: "replay of " + strings.TrimPrefix(origin.Name, "replay of "), from: fmt.Sprintf("run %d", origin.ID),
		tenant: origin.Tenant, origin: origin.ID, known: replay.Known, rows: s.sum.Rows, each: rowsOf(ctx, replay),
		// What was sent once may be sent once more, but not twice by mistake.
		fingerprint: sha256.Sum256(fmt.Appendf(nil, "replay of %d: %x", origin.ID, s.sum.Fingerprint)),
		options:     ledger.Options{Duplicates: hasDuplicates(origin)}, note: note, described: s.describeReplay(origin.ID, c.Force), leftOut: s.leftOut(),
		kept: func() error {
			replay.Close(ctx) // no connection is held while the run is waited for
			return nil
		},
	}
	if c.DryRun {
		b.leftOut += s.first()
	}
	return b, nil
}

// errEnough ends a reading because nobody wants more of it.
var errEnough = errors.New("enough")

// rowsOf yields the rows that are to be sent.
func rowsOf(ctx context.Context, replay *audit.Replay) iter.Seq2[userstatus.Row, error] {
	return func(yield func(userstatus.Row, error) bool) {
		err := replay.Each(ctx, func(r *audit.Replayed) error {
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
