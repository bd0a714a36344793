package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"graphpatch/internal/budget"
	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

const (
	lookEvery = 500 * time.Millisecond
	lineEvery = 10 * time.Second // for a pipe
	rateOver  = 10 * time.Second // the rate shown is that of the last 10 s
)

// outlookEvery is how often the queue and the budget are looked at: what they say goes on by itself in between.
const outlookEvery = 2 * time.Second

// waitFor shows the progress of a run until it is finished, held or cancelled. The error carries the exit code.
func waitFor(ctx context.Context, streams cli.Streams, d desk, c cli.Candidate, limit budget.Limit, output string) error {
	view := newWaitView(ctx, streams.Err)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	ahead := lookout{desk: d, candidate: c, limit: limit}
	for {
		p, err := d.books.Progress(ctx, c.Run)
		if ctx.Err() != nil {
			view.close()
			return fmt.Errorf(`stopped waiting; run %d goes on: follow it with "audit show %d"`, c.Run, c.Run)
		}
		if err != nil {
			view.close()
			return fmt.Errorf("run %d is enqueued, but its progress cannot be read: %w", c.Run, err)
		}
		view.show(p, ahead.text(ctx, p, time.Now()))
		if p.State != ledger.Running && p.State != ledger.Planning {
			view.close()
			return ended(streams.Out, c.Run, p, output)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// lookout says what lies between a run and its end.
type lookout struct {
	desk      desk
	candidate cli.Candidate
	limit     budget.Limit
	rates     meter
	last      cli.Outlook
	at        time.Time // of last
	known     bool
}

// text is the rate of the last seconds, the time to go, and why the run waits; empty for a run that does not run.
func (l *lookout) text(ctx context.Context, p ledger.Progress, now time.Time) string {
	rate := l.rates.add(now, p.Settled)
	if p.State == ledger.Planning {
		return planning(p)
	}
	if p.State != ledger.Running || p.Rows == p.Settled {
		return ""
	}
	if now.Sub(l.at) >= outlookEvery || l.last.Reason != p.Reason {
		l.candidate.Open, l.candidate.Reason = p.Rows-p.Settled, p.Reason
		// What cannot be read is not shown; the counts are, or the wait ends.
		o, err := cli.LookOut(ctx, l.desk.pool, l.candidate, l.limit)
		l.last, l.at, l.known = o, now, err == nil
	}
	return l.describe(rate, p.Rows-p.Settled, now)
}

// planning says of a run whose statuses are being read how far that has come, as far as it can be said of its rows.
func planning(p ledger.Progress) string {
	text := fmt.Sprintf("; reading first, %s different so far", humanize.Comma(int64(p.Observed)))
	if p.Reason != "" {
		text += "; " + cli.Visible(p.Reason)
	}
	return text
}

func (l *lookout) describe(rate float64, open int, now time.Time) string {
	var text string
	if rate > 0 {
		text = fmt.Sprintf("; %.1f/s", rate)
	}
	if eta := l.eta(rate, open, now); eta > 0 {
		text += "; " + cli.Short(eta) + " to go"
	}
	if l.known {
		if waits := l.last.Waits(time.Local); waits != "" {
			text += "; " + cli.Visible(waits)
		}
	}
	return text
}

// eta is 0 when it cannot be said. Without a budget only the rate tells.
func (l *lookout) eta(rate float64, open int, now time.Time) time.Duration {
	if l.known && l.last.Known {
		if eta, ok := l.last.ETA(); ok {
			return eta - now.Sub(l.at)
		}
		return 0
	}
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(open) / rate * float64(time.Second))
}

// ended says how the run ended.
func ended(w io.Writer, run int64, p ledger.Progress, output string) error {
	var err error
	if output == "json" {
		err = cli.WriteJSON(w, struct {
			Run int64 `json:"run"`
			ledger.Progress
		}{run, p})
	} else {
		_, err = fmt.Fprintf(w, "Run %d is %s: %s.\n", run, p.State, counts(p))
	}
	switch {
	case err != nil:
		return err
	case p.State == ledger.Held:
		return fmt.Errorf(`run %d is held: %s. "enqueue release %d" lets it go on`, run, cli.Visible(why(p)), run)
	case p.State == ledger.Cancelled:
		return fmt.Errorf("run %d was cancelled: %s. %s not sent any more", run, cli.Visible(why(p)), rowsVerb(p.Rows-p.Settled, "is", "are"))
	case p.Rejected+p.Failed+p.Moved > 0:
		return &cli.Error{Code: cli.ExitRejected}
	}
	return nil
}

// why is the reason that was given.
func why(p ledger.Progress) string { return cmp.Or(p.Reason, "nobody said why") }

// counts names every count that is not zero.
func counts(p ledger.Progress) string {
	s := fmt.Sprintf("%s of %s settled", humanize.Comma(int64(p.Settled)), plural(p.Rows, "row"))
	for _, c := range []struct {
		n    int
		name string
	}{
		{p.Applied, "applied"}, {p.Unchanged, "unchanged"}, {p.Superseded, "superseded"}, {p.Rejected, "rejected"}, {p.Failed, "failed"},
		{p.Moved, "moved"}, {p.Missing, "missing"},
		{p.Throttled, "answers throttled"}, {p.Transient, "transient"}, {p.Unknown, "unknown"},
	} {
		if c.n > 0 {
			s += fmt.Sprintf(", %s %s", humanize.Comma(int64(c.n)), c.name)
		}
	}
	return s
}

// meter works out the rate of the last seconds.
type meter struct{ past []reading }

type reading struct {
	at      time.Time
	settled int
}

// add takes a reading and returns the rate in rows per second, 0 while it is not known.
func (m *meter) add(now time.Time, settled int) float64 {
	m.past = append(m.past, reading{now, settled})
	for len(m.past) > 2 && now.Sub(m.past[1].at) >= rateOver {
		m.past = m.past[1:]
	}
	first := m.past[0]
	if seconds := now.Sub(first.at).Seconds(); seconds > 0 {
		return float64(settled-first.settled) / seconds
	}
	return 0
}

// waitView shows progress: a bar to a person, a line now and then to a pipe.
type waitView struct {
	out      io.Writer
	progress *mpb.Progress
	bar      *mpb.Bar
	text     atomic.Value // string; the bar is drawn by a goroutine of its own
	lineAt   time.Time
}

func newWaitView(ctx context.Context, w io.Writer) *waitView {
	v := &waitView{out: w}
	if cli.IsTerminal(w) {
		v.progress = mpb.NewWithContext(ctx, mpb.WithOutput(w), mpb.WithWidth(30), mpb.WithAutoRefresh())
	}
	return v
}

func (v *waitView) show(p ledger.Progress, outlook string) {
	text := counts(p) + outlook
	if v.progress == nil {
		if now := time.Now(); now.Sub(v.lineAt) >= lineEvery {
			v.lineAt = now
			fmt.Fprintln(v.out, text)
		}
		return
	}
	v.text.Store(text)
	if v.bar == nil {
		v.bar = v.progress.AddBar(int64(p.Rows), mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return " " + v.text.Load().(string) })))
	}
	v.bar.SetCurrent(int64(p.Settled))
}

func (v *waitView) close() {
	if v.bar != nil {
		v.bar.Abort(false)
	}
	if v.progress != nil {
		v.progress.Wait()
	}
}
