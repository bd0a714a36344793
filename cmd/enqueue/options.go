package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"graphpatch/internal/cli"
	"graphpatch/internal/ledger"
)

// runOptions are what every command that makes a run asks: how the run is put in, worked and reported.
type runOptions struct {
	Again       bool                `help:"Import content that was imported before."`
	DryRun      bool                `help:"Validate, say what would be done, and enqueue nothing."`
	Wait        bool                `help:"Wait until the run is finished, held or cancelled, and show its progress. Exit code 3: finished with rows rejected or failed; 1: held or cancelled."`
	Hold        bool                `help:"Enqueue the run on hold, for release later."`
	Blind       bool                `help:"Send every row without reading its status first. Not set: what Graph shows as it is wanted is not sent, and is settled as unchanged."`
	Plan        bool                `help:"Read the statuses, then hold the run for a person to look at what would be changed; release sends it. Each status is read again before its row is sent; one that somebody else has changed meanwhile is left alone, and its row is settled as moved."`
	Recheck     bool                `help:"Read a status again just before its row is sent, when it was read more than 5 minutes before; a status that somebody else has changed since is left alone, and its row is settled as moved."`
	SkipMissing bool                `help:"Do not send rows whose statuses Graph does not have: they are settled as missing."`
	Canary      *int32              `placeholder:"N" help:"Send the first N rows, then hold the run for a person to look at them; release sends the others. Not set: the first row goes alone and is read back, as always, and the others follow by themselves."`
	MaxFailures ledger.FailureLimit `default:"5%" placeholder:"N|P%" help:"Hold the run once N rows were rejected or failed, or more than P % of the settled ones, looked at from 100 on; 100% is no limit (default ${default}). Throttling and waiting never count; a release begins to count anew."`
	Name        string              `placeholder:"TEXT" help:"A name for the run (default: its source's)."`
	Priority    int                 `default:"2" placeholder:"1-4" help:"1 is worked before 4 (default ${default})."`
	Output      string              `enum:"table,json" default:"table" placeholder:"table|json" help:"For a person or for a program (default ${default})."`

	cli.Actor
	cli.ConfigFile
	cli.Tenant
	cli.Database
}

// Validate reports what does not go together; kong calls it.
func (o *runOptions) Validate() error {
	var faults []error
	if o.Priority < 1 || o.Priority > 4 {
		faults = append(faults, fmt.Errorf("--priority %d: use 1 to 4", o.Priority))
	}
	if o.Canary != nil && *o.Canary < 1 {
		faults = append(faults, fmt.Errorf("--canary %d: use 1 or more; without it the rows follow by themselves when the first one stuck", *o.Canary))
	}
	if o.Hold && o.Wait && !o.Plan {
		faults = append(faults, errors.New("--hold and --wait: a run on hold is not worked, so there is nothing to wait for"))
	}
	if o.Blind && (o.Plan || o.Recheck || o.SkipMissing) {
		faults = append(faults, errors.New("--blind reads nothing: leave out --plan, --recheck and --skip-missing"))
	}
	if o.DryRun && (o.Wait || o.Hold) {
		faults = append(faults, errors.New("--dry-run enqueues nothing: leave out --wait and --hold"))
	}
	return errors.Join(faults...)
}

// findTenant settles which tenant the run is for. The error is one of usage.
func (o *runOptions) findTenant(ctx context.Context) (id uuid.UUID, err error) {
	o.Tenant, id, err = o.Find(ctx, o.Tenant)
	return id, cli.Usage(err)
}

// fixTenant settles that the run is for the tenant of an earlier one. The error is one of usage.
func (o *runOptions) fixTenant(ctx context.Context, run int64, tenant uuid.UUID) error {
	if o.Tenant.Tenant != "" {
		switch id, err := o.findTenant(ctx); {
		case err != nil:
			return err
		case id != tenant:
			return cli.Usage(fmt.Errorf("run %d is of tenant %s, and so are its rows; --tenant or AZURE_TENANT_ID says %s", run, tenant, id))
		}
		return nil
	}
	o.Tenant.Tenant = tenant.String()
	_, err := o.findTenant(ctx)
	return err
}

// newRun is a run of the batch, with what the options say of it.
func (o *runOptions) newRun(b *batch) ledger.NewRun {
	n := ledger.NewRun{
		Kind: b.kind, Name: o.Name, Actor: o.Actor.Name(), Tenant: b.tenant, Priority: o.Priority, Hold: o.Hold && !o.Plan, Blind: o.Blind, PlanHold: o.Plan,
		MaxFailures: o.MaxFailures, Fingerprint: b.fingerprint, Again: o.Again, Options: b.options, Source: b.note, Origin: b.origin, Known: b.known,
	}
	n.Options.Recheck, n.Options.Approval, n.Options.SkipMissing = o.Recheck, o.Plan, o.SkipMissing
	if n.Name == "" {
		n.Name = b.name
	}
	if o.Canary != nil {
		n.CanaryRows = *o.Canary
	}
	return n
}
