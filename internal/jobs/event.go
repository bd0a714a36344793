package jobs

import (
	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

// eventOf is the audit's event of an exchange.
func eventOf(c ledger.Claim, run int64, x graph.Exchange, v verdict) ledger.Event {
	return ledger.Event{
		Run:             run,
		Row:             c.Row.Row,
		Key:             c.Row.Key,
		ID:              c.ID,
		Outcome:         v.outcome,
		Settles:         v.settles,
		SentAt:          x.SentAt,
		Elapsed:         x.Elapsed,
		Method:          x.Method,
		URL:             x.URL,
		RequestBody:     x.RequestBody,
		Status:          x.Status,
		ResponseHeaders: x.KeptHeaders(),
		ResponseBody:    x.Body,
		BodyCut:         x.BodyCut,
		RequestID:       x.RequestID(),
		Error:           x.Problem(),
		Spared:          v.spared,
		Reads:           v.reads,
	}
}
