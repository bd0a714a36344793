package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"graphpatch/internal/ledger"
)

const (
	// retainEvery is how often months are looked for that are no longer kept.
	retainEvery = time.Hour
	// retainPatience is how long one round waits for somebody who still reads them; the next one goes on from there. A row's
	// own maintenance must not wait behind it.
	retainPatience = 10 * time.Second
)

// retain purges the months that are no longer kept, as far as no run is open.
func (m *maintenance) retain(ctx context.Context) error {
	if m.keepMonths == 0 || time.Since(m.retainedAt) < retainEvery {
		return nil
	}
	before, err := m.ledger.MonthsAgo(ctx, m.keepMonths)
	if err != nil {
		return err
	}
	m.retainedAt = time.Now()
	patient, cancel := context.WithTimeout(ctx, retainPatience)
	defer cancel()
	why := m.purge(patient, before)
	if open, ok := errors.AsType[*ledger.OpenError](why); ok && open.Run != 0 {
		why = errors.Join(why, m.purge(patient, int(open.Run/1_000_000)))
	}
	switch {
	case why == nil, errors.Is(why, ledger.ErrPurging), ctx.Err() != nil:
		m.keptSaid = ""
	case m.keptSaid != why.Error():
		m.keptSaid = why.Error()
		m.log.Warn("months are kept longer than they should be", "keep_months", m.keepMonths, "why", why)
	}
	return nil
}

func (m *maintenance) purge(ctx context.Context, before int) error {
	purged, err := m.ledger.Purge(ctx, before, fmt.Sprintf("keep-months %d", m.keepMonths))
	for _, p := range purged {
		m.log.Info("month purged", "month", p.Month, "runs", p.Runs)
	}
	return err
}
