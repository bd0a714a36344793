package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/jobs"
)

// Served is a tenant that a process works for: what the flags say, or an entry of a file.
type Served struct {
	Graph
	Name         string       // in the file; empty for flags
	TenantWrites budget.Limit // of all its apps together
	AtOnce       int          // slices
	KeepMonths   int          // of all tenants' history, besides this one; 0: all

	Reconciliations []Reconciliation

	storeBodies  string      // full, redacted or none; empty: full
	pseudonymKey secretPlace // of redacted bodies

	at         string // where it stands in the file
	credential credential
	fault      error // of reading it
}

// Served is the one tenant of the flags. The limit on the writes of all its apps is twice an app's, as Microsoft documents
// it.
func (g Graph) Served() Served {
	return Served{Graph: g, AtOnce: jobs.AtOnce, TenantWrites: g.WriteLimit.Times(2)}
}

// explain says of which entry of a file an error is.
func (s Served) explain(err error) error {
	if err == nil || s.Name == "" {
		return err
	}
	return fmt.Errorf("%s: tenant %s: %w", s.at, s.Name, err)
}

// Connect finds out the tenant and sets its client up; close that. It asks nobody but the login service, and that only
// for a tenant named by a domain.
func (s Served) Connect(ctx context.Context, connections int) (jobs.Tenant, error) {
	if s.fault != nil {
		return jobs.Tenant{}, s.explain(s.fault)
	}
	bodies, err := s.bodies()
	if err != nil {
		return jobs.Tenant{}, s.explain(err)
	}
	id, err := s.ID(ctx)
	if err != nil {
		return jobs.Tenant{}, s.explain(err)
	}
	client, err := s.Client(id, connections)
	if err != nil {
		return jobs.Tenant{}, s.explain(err)
	}
	return jobs.Tenant{Name: s.Name, ID: id, Client: client, AtOnce: s.AtOnce, Bodies: bodies}, nil
}

// ConnectAll connects to every tenant; Close what it returns. Faults of all are reported together.
func ConnectAll(ctx context.Context, served []Served) (Serving, error) {
	var all Serving
	var faults []error
	tenants := map[uuid.UUID]crowd{}
	for _, s := range served {
		t, err := s.Connect(ctx, jobs.Connections(s.AtOnce))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, t)
		app := tenantApp{s, cmp.Or(t.Client.Token().App, unnamed)}
		if err := tenants[t.ID].admit(app); err != nil {
			faults = append(faults, s.explain(err))
		}
		tenants[t.ID] = append(tenants[t.ID], app)
	}
	if len(faults) > 0 {
		all.Close()
		return nil, errors.Join(faults...)
	}
	return all, nil
}

// Serving are the tenants that a process works for.
type Serving []jobs.Tenant

// Reconciliations are those of the entries that were connected, each for its tenant.
func (all Serving) Reconciliations(served []Served) (list []jobs.Reconciliation) {
	for i, s := range served {
		for _, r := range s.Reconciliations {
			r.Reconciliation.Tenant = all[i].ID
			list = append(list, r.Reconciliation)
		}
	}
	return list
}

// OpenBudgets takes part in the budget of each tenant; Close comes before the pools'. served are those that ConnectAll
// connected.
func (all Serving) OpenBudgets(ctx context.Context, pools *Pools, served []Served) (err error) {
	if err := pools.OpenBudgets(ctx, len(all)); err != nil {
		return err
	}
	for i := range all {
		if all[i].Budget, err = served[i].OpenBudget(ctx, pools, all[i].ID, all[i].Client); err != nil {
			return served[i].explain(err)
		}
	}
	return nil
}

// Close closes clients and budgets.
func (all Serving) Close() {
	for _, t := range all {
		if t.Budget != nil {
			t.Budget.Close()
		}
		t.Client.Close()
	}
}

// unnamed is the app in the budget when nothing names it: all such processes share what one app may do.
const unnamed = "unnamed"

// OpenBudget takes part in the budget of the tenant and the app that the client is for; Close it before the pools.
func (s Served) OpenBudget(ctx context.Context, pools *Pools, tenant uuid.UUID, client *graph.Client) (*budget.Budget, error) {
	return budget.Open(ctx, budget.Config{
		Tenant: tenant, App: cmp.Or(client.Token().App, unnamed), Writes: s.WriteLimit, Reads: s.ReadLimit,
		TenantWrites: s.TenantWrites, Pool: pools.budget,
	})
}
