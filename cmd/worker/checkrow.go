package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/jobs"
	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/source"
	"graphpatch/internal/userstatus"
)

// place is where a row begins.
type place struct {
	file string
	line int64
}

func parsePlace(s string) (place, error) {
	at := strings.LastIndexByte(s, ':')
	if at <= 0 {
		return place{}, fmt.Errorf("--row %s: write FILE:LINE, as in users.csv:2", s)
	}
	line, err := strconv.ParseInt(s[at+1:], 10, 64)
	if err != nil || line < 2 {
		return place{}, fmt.Errorf("--row %s: %q is no line of a row: the header is line 1, the first row line 2", s, s[at+1:])
	}
	return place{s[:at], line}, nil
}

// readRow reads the one row that begins at that place. Faults of other rows are not its concern.
func (c *checkCommand) readRow(ctx context.Context, p place, tenant uuid.UUID) (userstatus.Row, error) {
	csv, err := source.NewCSV(source.CSVConfig{
		Name: p.file, Open: func() (io.ReadCloser, error) { return os.Open(p.file) }, Tenant: tenant, Map: c.Map, Set: c.Set,
		AllowDuplicates: true, SkipInvalid: true,
	})
	if err != nil {
		return userstatus.Row{}, err
	}
	sum, err := csv.Check(ctx)
	if err != nil {
		return userstatus.Row{}, err
	}
	for row, err := range csv.Rows(ctx, sum) {
		switch {
		case err != nil:
			return userstatus.Row{}, err
		case row.Line == p.line:
			row.Number, row.Other = 1, nil
			return row, nil
		}
	}
	if sum.Faults != nil {
		for _, fault := range sum.Faults.First {
			if fault.Line == p.line {
				return userstatus.Row{}, fault
			}
		}
	}
	return userstatus.Row{}, fmt.Errorf("%s: no row begins at line %d", p.file, p.line)
}

// rowTime is how long somebody who checks waits for the answer to one row.
const rowTime = time.Minute

// row sends the row as a run of its own, whose canary it is: the same way as every other row, recorded like it.
func (l *tenantLook) row(ctx context.Context, p place) {
	check := l.named("row")
	if err := postgres.CheckRights(ctx, l.pools.Main, postgres.EnqueueRole); err != nil {
		l.found.fail(check, "", "%v", err)
		return
	}
	row, err := l.command.readRow(ctx, p, l.tenant)
	if err != nil {
		l.found.fail(check, "", "%v", err)
		return
	}
	name := l.command.Actor.Name()
	books := ledger.New(l.pools.Ledger, name)
	id, err := l.sendRow(ctx, books, ledger.NewRun{
		Kind: "csv", Name: "check " + p.file + ":" + strconv.FormatInt(p.line, 10), Actor: name, Tenant: l.tenant, Priority: 1, Again: true, Blind: true,
		Fingerprint: sha256.Sum256(row.Update.AppendCanonical(nil)), Source: map[string]any{"file": p.file, "line": p.line},
	}, row)
	var end ledger.Progress
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		end, err = books.Progress(ctx, id)
	}
	if err != nil {
		l.found.fail(check, "", "%v", err)
		return
	}
	show := fmt.Sprintf(`"audit events --run %d --bodies" shows what was said`, id)
	switch {
	case end.State == ledger.Held:
		l.found.fail(check, fmt.Sprintf(`%s; "enqueue cancel %d" puts it away`, show, id), "run %d: %s", id, end.Reason)
	case end.Applied == 1:
		l.found.ok(check, "run %d: applied, and read back as it was sent: the value stuck", id)
	case end.Unchanged == 1:
		l.found.ok(check, "run %d: it was as it is wanted already; Graph changed nothing, and a read confirms it", id)
	case end.Settled == 1:
		l.found.fail(check, show, "run %d: Graph did not take it", id)
	default:
		l.found.warn(check, fmt.Sprintf(`"audit show %d" tells how it ends, "enqueue cancel %d" ends it`, id, id), "run %d: no verdict within %s: %s", id, rowTime, waitingFor(end))
	}
}

func waitingFor(p ledger.Progress) string {
	if p.Reason != "" {
		return p.Reason
	}
	return fmt.Sprintf("%d answers throttled, %d transient", p.Throttled, p.Transient)
}

// sendRow enqueues a run of one row and works it here, until it is settled or a minute is over.
func (l *tenantLook) sendRow(ctx context.Context, books *ledger.Ledger, n ledger.NewRun, row userstatus.Row) (run int64, err error) {
	enqueuer, err := jobs.NewEnqueuer(l.pools.Main, books)
	if err != nil {
		return 0, err
	}
	var one iter.Seq2[userstatus.Row, error] = func(yield func(userstatus.Row, error) bool) { yield(row, nil) }
	if run, _, err = enqueuer.Import(ctx, n, one); err != nil {
		return 0, err
	}
	if err := l.pools.OpenBudgets(ctx, 1); err != nil {
		return run, err
	}
	shared, err := l.served.OpenBudget(ctx, l.pools, l.tenant, l.client)
	if err != nil {
		return run, err
	}
	defer shared.Close()
	ctx, cancel := context.WithTimeout(ctx, rowTime)
	defer cancel()
	return run, jobs.WorkHere(ctx, jobs.WorkerConfig{
		Name: workerName(), Tenants: []jobs.Tenant{{ID: l.tenant, Budget: shared, Client: l.client, AtOnce: 1, Bodies: l.bodies}},
		Pool: l.pools.Main, Ledger: books, Log: l.log,
	}, run)
}
