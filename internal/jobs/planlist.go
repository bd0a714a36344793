package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// mostFaults is how many passing faults in a row a page may meet before the rows that are left are read one by one, if they can be
// read.
const mostFaults = 5

// overview asks how many statuses the list should have. Without an answer the list goes without.
func (b *planBox) overview(ctx context.Context) error {
	var o graph.Overview
	var problem error
	x, ok := b.ask(ctx, func(id uuid.UUID) (x graph.Exchange) {
		x, o, problem = b.w.client.Overview(ctx, b.part.Collection.ConfigurationID, id)
		return x
	})
	if !ok {
		return nil
	}
	b.asked = x.Outcome() != graph.Throttled && x.Outcome() != graph.Unauthorized
	if !b.stopped(ctx, x) && problem == nil {
		total := o.Sum()
		b.part.Total = &total
	}
	return b.write(ctx, b.pageEvent(x), nil)
}

// page reads the next page of the list.
func (b *planBox) page(ctx context.Context) error {
	if err := b.begin(); err != nil {
		return b.giveUpList(ctx, nil, err)
	}
	var page []graph.Shown
	var problem error
	x, ok := b.ask(ctx, func(id uuid.UUID) (x graph.Exchange) {
		x, page, problem = b.listing.Next(ctx, id)
		return x
	})
	switch _, link := errors.AsType[*graph.LinkError](problem); {
	case !ok:
		return nil
	case link:
		return b.giveUpList(ctx, b.pageEvent(x), problem)
	case problem != nil:
		return b.failedPage(ctx, x, problem)
	}
	return b.take(ctx, x, page)
}

// begin takes the list up where it stands.
func (b *planBox) begin() error {
	if b.listing != nil {
		return nil
	}
	b.listing = b.w.client.List(b.part.Collection)
	if b.part.Link == "" {
		return nil
	}
	return b.listing.Resume(b.part.Link)
}

// take looks for the rows of a page, and writes down what it shows of them.
func (b *planBox) take(ctx context.Context, x graph.Exchange, page []graph.Shown) error {
	p := b.part
	shown := make(map[uuid.UUID]*graph.Shown, len(page))
	keys := make([]uuid.UUID, len(page))
	target := p.Collection
	for i := range page {
		target.StatusID = page[i].ID
		keys[i] = target.Key()
		shown[keys[i]] = &page[i]
	}
	rows, err := b.w.ledger.Matching(ctx, p, keys, x.SentAt)
	if err != nil {
		return err
	}
	if err := b.look(ctx, rows); err != nil {
		return err
	}
	found := make([]ledger.Event, len(rows))
	for i := range rows {
		s := shown[rows[i].Key]
		found[i] = b.w.bodies.of(b.found(&rows[i], &s.Observed, ledger.Event{
			Run: b.run.ID, Row: rows[i].Row, Key: rows[i].Key, ID: x.ClientRequestID, Outcome: "observed", SentAt: x.SentAt,
			Method: x.Method, Status: x.Status, ResponseBody: s.JSON, RequestID: x.RequestID(), Spared: true,
		}), rows[i].Wanted)
	}
	p.Pages, p.Listed, p.Faults, p.Link = p.Pages+1, p.Listed+len(page), 0, b.listing.Link()
	switch {
	case b.listing.Done():
		p.Way = ledger.ByGet // for what the list lacks
		b.short()
	case cheaperByGet(p):
		p.Way, p.Link = ledger.ByGet, ""
	}
	p.Done = p.Left() <= 0
	return b.write(ctx, b.pageEvent(x), found)
}

// short warns of a list that does not show what the overview counts: lists have been seen that are short without a word.
func (b *planBox) short() {
	p := b.part
	if p.Total == nil || p.Listed >= *p.Total {
		return
	}
	p.Warning = fmt.Sprintf("the list of configuration %s shows %d statuses, and its overview counts %d", p.Collection.ConfigurationID, p.Listed, *p.Total)
	b.w.log.Warn(p.Warning+": rows that it lacks are read one by one", "run", b.run.ID)
}

// cheaperByGet reports whether to read the rows that are left one by one takes fewer requests than the pages to come. When it is
// not known how many those are, there are as many as there were: that costs at most twice what a prophet would need.
func cheaperByGet(p *ledger.Part) bool {
	ahead := p.Pages
	if p.Total != nil && *p.Total > p.Listed && p.Listed > 0 {
		each := max(1, p.Listed/p.Pages)
		ahead = (*p.Total - p.Listed + each - 1) / each
	}
	return ahead > p.Left()
}

// failedPage decides what becomes of the list when a page did not come.
func (b *planBox) failedPage(ctx context.Context, x graph.Exchange, problem error) error {
	p := b.part
	event := b.pageEvent(x)
	if b.stopped(ctx, x) {
		return b.write(ctx, event, nil)
	}
	switch x.Outcome() {
	case graph.Throttled, graph.Unauthorized:
		return b.write(ctx, event, nil)
	case graph.Rejected:
		switch {
		case p.Pages == 0 && x.Status == http.StatusNotFound:
			p.Way = ledger.Absent
			return b.write(ctx, event, nil)
		case p.Pages == 0:
			return b.giveUpList(ctx, event, problem)
		}
		// The link may have grown too old: once more from the start.
		b.listing, p.Link, p.Pages, p.Listed = nil, "", 0, 0
	case graph.Applied, graph.Transient, graph.Contended, graph.Unknown:
	}
	if p.Faults++; p.Faults < mostFaults {
		b.pause = faulty(p.Faults)
	}
	return b.write(ctx, event, nil)
}

// probeList reads one row by itself, to tell a list that does not come from a service from which nothing comes: an incident
// can last for days, and a plan that was given up for it would send what need not be sent.
func (b *planBox) probeList(ctx context.Context) error {
	p := b.part
	outage := b.w.budget.Probing()
	through, err := b.readSome(ctx, 1)
	switch {
	case err != nil || !through:
		return err
	case !outage:
		return b.giveUpList(ctx, nil, fmt.Errorf("%d passing faults in a row at one page", p.Faults))
	}
	p.Faults = 0
	return b.write(ctx, nil, nil)
}

// giveUpList has the rows that are left read one by one.
func (b *planBox) giveUpList(ctx context.Context, event *ledger.Event, problem error) error {
	p := b.part
	p.Way, p.Link, p.Faults = ledger.ByGet, "", 0
	p.Warning = fmt.Sprintf("the list of configuration %s could not be read to its end: %s", p.Collection.ConfigurationID, problem)
	b.w.log.Warn(p.Warning+"; rows are read one by one", "run", b.run.ID)
	return b.write(ctx, event, nil)
}
