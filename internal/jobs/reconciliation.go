package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"graphpatch/internal/ledger"
	"graphpatch/internal/source"
)

// Reconciliation is a source that is brought in again and again, at the times of a schedule, so that Graph shows what it says.
type Reconciliation struct {
	Name    string
	Tenant  uuid.UUID
	Times   Times
	CatchUp bool // a missed time is made up for, once; otherwise it is let go

	Table      Table
	Properties []string // that the source must have, by their names
	MaxAge     time.Duration
	MaxDrift   ledger.DriftLimit

	Priority    int
	MaxFailures ledger.FailureLimit
}

// leaveAlone is how often a row is corrected to the same values: Intune itself rewrites these reports, and must not be fought.
const leaveAlone = 3

// Table is where a reconciliation's rows are.
type Table interface {
	// Open prepares a source for two readings, and says how old what it shows is; close it. The error may pass by itself.
	Open(ctx context.Context, tenant uuid.UUID) (t OpenTable, err error)
}

// OpenTable is a source that is ready to be read.
type OpenTable struct {
	source.CSVConfig
	AsOf  time.Time // zero: not known
	Note  func(*source.Note)
	Close func() error
}

// RefusedError says why a firing brought nothing in: a person must see to it.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// NothingEnqueuedError says that a firing certainly brought nothing in, and why.
type NothingEnqueuedError struct{ Err error }

func (e *NothingEnqueuedError) Error() string { return e.Err.Error() + ". Nothing was enqueued" }

// Unwrap returns the reason.
func (e *NothingEnqueuedError) Unwrap() error { return e.Err }

// Reconcile fires a claimed reconciliation: the source is read and its rows come in as a run, in the same commit that ends
// the firing. The firing is ended as well when the source cannot be read, has faults or a guard speaks: a
// *NothingEnqueuedError, around a *RefusedError in the latter cases. ErrFenced: somebody else has taken it over.
func (e *Enqueuer) Reconcile(ctx context.Context, r Reconciliation, claim ledger.FiringClaim, actor string) (run int64, sum *source.Summary, err error) {
	err = e.whilePulsing(ctx, claim, func(ctx context.Context) error {
		if run, sum, err = e.reconcile(ctx, r, &claim, actor); err == nil || ctx.Err() != nil {
			return err
		}
		if fault := e.ledger.EndFiring(ctx, claim, outcomeOf(err), err.Error()); fault != nil {
			return errors.Join(err, fault)
		}
		return &NothingEnqueuedError{err}
	})
	return run, sum, err
}

// Rehearse brings the rows of a reconciliation in as a run that is held when its statuses are read. It is no firing, so nobody
// takes it over and sends what was only to be looked at.
func (e *Enqueuer) Rehearse(ctx context.Context, r Reconciliation, actor string) (run int64, sum *source.Summary, err error) {
	return e.reconcile(ctx, r, nil, actor)
}

// outcomeOf is what becomes of a firing that brings nothing in.
func outcomeOf(err error) string {
	if errors.As(err, new(*RefusedError)) {
		return "refused"
	}
	return "failed"
}

// reconcile brings the rows in, for a firing; without one they are only read.
func (e *Enqueuer) reconcile(ctx context.Context, r Reconciliation, claim *ledger.FiringClaim, actor string) (run int64, _ *source.Summary, err error) {
	table, csv, sum, err := r.check(ctx)
	if err != nil {
		return 0, sum, err
	}
	// What is left of it in a temporary file is no reason to say that the rows are not in.
	defer func() { _ = table.Close() }()
	emptyAs := "absent"
	if table.EmptyAsNull {
		emptyAs = "null"
	}
	note := sum.Note(table.Set, emptyAs)
	note.Reconciliation = r.Name
	table.Note(note)
	run, _, err = e.Import(ctx, ledger.NewRun{
		Kind: "reconcile", Name: r.Name, Actor: actor, Tenant: r.Tenant, Priority: r.Priority, MaxFailures: r.MaxFailures, PlanHold: claim == nil,
		Fingerprint: sum.Fingerprint, Again: true, Source: note, Options: ledger.Options{Duplicates: table.AllowDuplicates, MaxDrift: r.MaxDrift.String(), LeaveAlone: leaveAlone}, Firing: claim,
	}, csv.Rows(ctx, sum))
	var changed *source.ChangedError
	if errors.As(err, &changed) {
		return 0, sum, &RefusedError{changed.Error()}
	}
	return run, sum, err
}

// Look reads the source and asks the guards, without bringing anything in. The error says why a firing would bring nothing in.
func (r Reconciliation) Look(ctx context.Context) (rows int, err error) {
	table, _, sum, err := r.check(ctx)
	if err != nil {
		return 0, err
	}
	return sum.Rows, table.Close()
}

// check reads the source for the first time, and asks the guards. Close the table when there is no error.
func (r Reconciliation) check(ctx context.Context) (table OpenTable, csv *source.CSV, sum *source.Summary, err error) {
	if table, err = r.Table.Open(ctx, r.Tenant); err != nil {
		return table, nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, table.Close())
		}
	}()
	if csv, err = source.NewCSV(table.CSVConfig); err != nil {
		return table, nil, nil, &RefusedError{err.Error()}
	}
	sum, err = csv.Check(ctx)
	var faults *source.Faults
	if errors.As(err, &faults) {
		return table, nil, nil, &RefusedError{faultsInBrief(faults)}
	}
	if err == nil {
		err = r.guard(table, sum, time.Now())
	}
	return table, csv, sum, err
}

// guard refuses a source that is no picture of what should be: an old one, or one without a column.
func (r Reconciliation) guard(table OpenTable, sum *source.Summary, now time.Time) error {
	if age := now.Sub(table.AsOf); r.MaxAge > 0 && !table.AsOf.IsZero() && age > r.MaxAge {
		return &RefusedError{fmt.Sprintf("%s is of %s, older than max-age %s allows", table.Name, table.AsOf.UTC().Format(time.RFC3339), r.MaxAge)}
	}
	var missing []string
	for _, p := range r.Properties {
		set := slices.ContainsFunc(slices.Collect(maps.Keys(table.Set)), func(name string) bool { return strings.EqualFold(name, p) })
		if !set && !slices.Contains(sum.Columns, p) {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return &RefusedError{fmt.Sprintf("%s has no column for %s", table.Name, strings.Join(missing, ", "))}
	}
	return nil
}

// faultsInBrief are the first faults of a source, for a line that a person reads the morning after.
func faultsInBrief(f *source.Faults) string {
	var text strings.Builder
	_ = f.Print(&text) // a Builder takes everything
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	const most = 5
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d faults in all", f.Total))
	}
	return strings.Join(lines, "\n")
}

// whilePulsing says that the firing is being worked as long as work takes, and cancels that once it was taken over.
func (e *Enqueuer) whilePulsing(ctx context.Context, claim ledger.FiringClaim, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := e.ledger.Pulse(ctx, claim); err != nil {
		return err
	}
	var pulse sync.WaitGroup
	pulse.Go(func() {
		ticker := time.NewTicker(ledger.FiringPulse)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if err := e.ledger.Pulse(ctx, claim); errors.Is(err, ledger.ErrFenced) {
				cancel(err)
			}
		}
	})
	err := work(ctx)
	cancel(nil)
	pulse.Wait()
	if err != nil && errors.Is(context.Cause(ctx), ledger.ErrFenced) {
		return ledger.ErrFenced
	}
	return err
}

// ReconcileArgs is the job of one firing.
type ReconcileArgs struct {
	Name  string    `json:"name"`
	Due   time.Time `json:"due"`
	Fence int64     `json:"fence"`
}

// Kind is River's name of the job.
func (ReconcileArgs) Kind() string { return "reconcile" }

// InsertOpts put firings into a queue of their own, which the processes work whose configuration has schedules.
func (ReconcileArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: reconcileQueue, MaxAttempts: math.MaxInt16}
}

const reconcileQueue = "reconcile"

// firings works the jobs of the reconciliations that this process knows.
type firings struct {
	river.WorkerDefaults[ReconcileArgs]
	enqueuer *Enqueuer
	known    []Reconciliation
	log      *slog.Logger
	stopping <-chan struct{}
}

// Timeout leaves a large source the time it takes; a process that is gone is found out by its lease.
func (*firings) Timeout(*river.Job[ReconcileArgs]) time.Duration { return time.Hour }

// How often a source that cannot be read is tried again before its firing has failed, and how soon.
const (
	readTries  = 5
	triesApart = time.Minute
)

// Work fires once. A source that cannot be read is tried again for some minutes.
func (f *firings) Work(ctx context.Context, job *river.Job[ReconcileArgs]) error {
	i := slices.IndexFunc(f.known, func(r Reconciliation) bool { return r.Name == job.Args.Name })
	if i < 0 {
		// Another process has it in its configuration; if none has any more, whoever gets it back takes the firing over.
		if time.Since(job.CreatedAt) > 2*ledger.FiringLease {
			return nil
		}
		return river.JobSnooze(time.Second)
	}
	claim := ledger.FiringClaim{Name: job.Args.Name, Due: job.Args.Due, Fence: job.Args.Fence}
	log := f.log.With("reconciliation", claim.Name, "due", claim.Due.UTC().Format(time.RFC3339))
	err := f.enqueuer.whilePulsing(ctx, claim, func(ctx context.Context) error {
		for try := 1; ; try++ {
			run, sum, err := f.enqueuer.reconcile(ctx, f.known[i], &claim, "schedule")
			switch {
			case err == nil:
				log.Info("reconciliation enqueued", "run", run, "rows", sum.Rows)
				return nil
			case ctx.Err() != nil:
				return err
			case try == readTries || errors.As(err, new(*RefusedError)):
				log.Error("reconciliation: nothing was enqueued", "problem", err)
				return f.enqueuer.ledger.EndFiring(ctx, claim, outcomeOf(err), err.Error())
			}
			log.Warn("reconciliation: the source could not be read; it is tried again in a minute", "problem", err)
			select {
			case <-time.After(triesApart):
			case <-f.stopping:
				return err
			case <-ctx.Done():
				return err
			}
		}
	})
	if errors.Is(err, ledger.ErrFenced) {
		return nil
	}
	return err
}
