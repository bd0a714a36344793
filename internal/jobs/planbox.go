package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// planBox is the work on one part of a plan for up to 20 s. Whatever it reads is written down before it reads more, together
// with how far it has come; it has no more in memory than one page.
type planBox struct {
	*box

	part    *ledger.Part
	listing *graph.Listing // nil: still to be begun
	asked   bool           // for the overview
	pause   time.Duration  // after a passing fault
	moved   bool           // somebody else plans this part
	tired   map[int32]bool // rows of the step at hand that were corrected often enough
}

// fewRows are read one by one: a list takes an overview and a page at least.
const fewRows = 2

// work goes on until the box is over, the part is planned, or the run stands still.
func (b *planBox) work(ctx context.Context) error {
	b.w.runs.add(b.box)
	defer b.w.runs.remove(b.box)
	if !b.w.client.Serves(b.part.Collection.Route) {
		b.stop = fmt.Sprintf("there are rows with the route %s, which Graph has in version beta only: set GRAPH_API_VERSION=beta", b.part.Collection.Route)
	}
	for !b.part.Done && !b.moved && !b.stands() && time.Now().Before(b.ends) && !isClosed(b.w.stopping) {
		wake, err := b.closed(ctx, time.Now())
		if err != nil {
			return err
		}
		if wake = later(wake, time.Now().Add(b.pause)); time.Until(wake) > 0 {
			b.pause = 0
			if err := b.wait(ctx, b.until(wake)); err != nil {
				return err
			}
			continue
		}
		if err := errors.Join(b.says(ctx, ""), b.goOn(ctx)); err != nil {
			return err
		}
	}
	if b.stop != "" {
		return b.hold(ctx)
	}
	return nil
}

// goOn makes the next step of the part.
func (b *planBox) goOn(ctx context.Context) error {
	p := b.part
	switch {
	case p.Way == ledger.Absent:
		return b.absent(ctx)
	case p.Way == ledger.ByGet, p.Rows <= fewRows:
		p.Way = ledger.ByGet
		return b.readRows(ctx)
	case p.Faults >= mostFaults:
		return b.probeList(ctx)
	case p.Pages == 0 && !b.asked && p.Collection.Route == userstatus.Plain:
		return b.overview(ctx)
	}
	return b.page(ctx)
}

// write writes the step down.
func (b *planBox) write(ctx context.Context, page *ledger.Event, found []ledger.Event) error {
	// What was read is not to be read again, whatever becomes of the job.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	changes, err := b.w.ledger.Step(ctx, b.part, page, found)
	if errors.Is(err, ledger.ErrPlanned) {
		b.moved, b.part.Done = true, false
		return nil
	}
	b.w.recorder.tell(changes)
	return err
}

// ask makes one request of a list in the next slot; ok is false when there was none in time, or it never left.
func (b *planBox) ask(ctx context.Context, request func(id uuid.UUID) graph.Exchange) (x graph.Exchange, ok bool) {
	limited, cancel := context.WithDeadline(ctx, b.ends)
	defer cancel()
	slot, ok := b.readSlot(limited, b.halted)
	if !ok {
		return x, false
	}
	if x = request(uuid.New()); !x.Sent {
		b.pause = busyWait
		return x, false
	}
	b.pace(ctx, b.w.budget.Reads, slot, x)
	return x, true
}

// pageEvent is the audit's event of a request that was made for several rows. Of a page that shows statuses the body is not
// kept: each stands with its row.
func (b *planBox) pageEvent(x graph.Exchange) *ledger.Event {
	e := readingOf(ledger.Claim{Wish: ledger.Wish{Row: &ledger.OpenRow{}}}, b.run.ID, x.ClientRequestID, x)
	if x.Outcome() == graph.Applied {
		e.ResponseBody, e.BodyCut = nil, false
	}
	e = b.w.bodies.of(e, userstatus.Wanted{})
	return &e
}

// stopped notes why the run must stop after an answer to a read, if it must, and reports whether that is so.
func (b *planBox) stopped(ctx context.Context, x graph.Exchange) bool {
	reason, stops := x.StopsRun()
	switch {
	case x.Outcome() == graph.Unauthorized:
		b.stop = cmp.Or(b.stop, b.renew(ctx, x))
		return b.stop != ""
	case !stops && x.Status != http.StatusForbidden:
		return false
	}
	b.stop = fmt.Sprintf("the statuses of configuration %s cannot be read before they are changed: %s. Grant the app the right to read, or send without: enqueue release %d --blind",
		b.part.Collection.ConfigurationID, cmp.Or(reason, x.Problem()), b.run.ID)
	return true
}

// faulty is how long to wait after so many passing faults in a row.
func faulty(faults int) time.Duration {
	return min(5*time.Second, 250*time.Millisecond<<min(faults, 5))
}

// look finds out about the rows of a step what neither they nor Graph say.
func (b *planBox) look(ctx context.Context, rows []ledger.PlannedRow) (err error) {
	if b.tired = nil; b.run.Options.LeaveAlone > 0 && len(rows) > 0 {
		b.tired, err = b.w.ledger.Corrected(ctx, b.run.ID, rows, b.run.Options.LeaveAlone)
	}
	return err
}

// found notes what was found of a row, and returns the event that says so.
func (b *planBox) found(row *ledger.PlannedRow, present *userstatus.Observed, e ledger.Event) ledger.Event {
	p := b.part
	differ := row.Wanted.Differs(*present)
	switch {
	case row.Contested:
		e.Error = "an older update of the same status is not long over, or still to be sent: it is sent whatever was read"
		p.Differ++
	case differ == 0:
		e.Settles = "unchanged"
		p.Unchanged++
	case b.tired[row.Row]:
		e.Settles, e.Error = "moved", fmt.Sprintf("left alone: it was corrected %d times and shows something else again: %s",
			b.run.Options.LeaveAlone, row.Wanted.Describe(differ, *present))
		p.LeftAlone++
	default:
		p.Differ++
		row.Wanted.Compare(differ, *present, func(property, is, want string) {
			if !b.w.bodies.keepsAll() && slices.Contains(names, property) {
				is, want = "…", "…"
			}
			p.Changes.Add(property, is, want, row.Row)
		})
	}
	return e
}
