package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
)

// Tenant are the flags that say whose statuses are meant, and in which cloud.
type Tenant struct {
	Tenant     string       `env:"AZURE_TENANT_ID" placeholder:"GUID" help:"The tenant, by its GUID or one of its domains; with --config, by its name there. Not set: the one of GRAPH_ACCESS_TOKEN."`
	Cloud      string       `name:"graph-cloud" env:"GRAPH_CLOUD" default:"global" placeholder:"NAME" help:"Microsoft's cloud: global, usgov, usgovdod or china; or custom, with --graph-base-url and --authority-host (default ${default})."`
	BaseURL    string       `name:"graph-base-url" env:"GRAPH_BASE_URL" placeholder:"URL" help:"Another root than the cloud's; http only on this machine."`
	Authority  string       `name:"authority-host" env:"AZURE_AUTHORITY_HOST" placeholder:"URL" help:"Another login service than the cloud's."`
	CAFile     string       `name:"ca-file" env:"GRAPH_CA_FILE" placeholder:"FILE" help:"Certificates (PEM) of authorities to trust besides the system's, for Graph and the login service."`
	WriteLimit budget.Limit `name:"write-limit" env:"GRAPH_WRITE_LIMIT" default:"100/20s" placeholder:"N/TIME" help:"Writes that one app may make in one tenant in any such time (default ${default}, Graph's documented limit)."`
}

// Rehearsal is the tenant of a simulator on this machine, when no other is named: a run for it can never be sent to a
// real tenant.
var Rehearsal = uuid.MustParse("00000000-0000-4000-8000-000000000000")

// ID finds out the tenant, asking the login service if it is named by a domain. Where both the flag and the token name
// one they must agree, otherwise one tenant's rows would be sent with the other's token.
func (t Tenant) ID(ctx context.Context) (uuid.UUID, error) {
	return t.id(ctx, os.Getenv("GRAPH_ACCESS_TOKEN"))
}

func (t Tenant) id(ctx context.Context, token string) (uuid.UUID, error) {
	issued, readable := graph.TokenTenant(token)
	if t.Tenant != "" {
		id, err := t.named(ctx)
		switch {
		case err != nil:
			return uuid.Nil, err
		case readable && issued != id:
			return uuid.Nil, fmt.Errorf("AZURE_TENANT_ID is %s, but GRAPH_ACCESS_TOKEN was issued for %s", id, issued)
		}
		return id, nil
	}
	if readable {
		return issued, nil
	}
	if root, err := url.Parse(t.BaseURL); err == nil && t.BaseURL != "" && graph.IsLoopback(root.Hostname()) {
		return Rehearsal, nil
	}
	if token != "" {
		return uuid.Nil, errors.New("which tenant? GRAPH_ACCESS_TOKEN does not say it: set AZURE_TENANT_ID or --tenant")
	}
	return uuid.Nil, errors.New("which tenant? Set AZURE_TENANT_ID or --tenant")
}

func (t Tenant) named(ctx context.Context) (uuid.UUID, error) {
	if id, err := uuid.Parse(t.Tenant); err == nil && len(t.Tenant) == 36 {
		return id, nil
	}
	cloud, _, err := graph.FindCloud(t.Cloud, t.BaseURL, t.Authority)
	ca, caErr := t.ca()
	if err := errors.Join(err, caErr); err != nil {
		return uuid.Nil, err
	}
	return graph.ResolveTenant(ctx, cloud, ca, t.Tenant)
}

// ca is what to trust, nil for what the system trusts.
func (t Tenant) ca() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil //nolint:nilnil // as crypto/tls has it
	}
	return graph.LoadCA(t.CAFile)
}

// Graph are the flags that say how Graph is reached, and as whom.
type Graph struct {
	Tenant     `embed:""`
	APIVersion string        `name:"graph-api-version" env:"GRAPH_API_VERSION" default:"beta" placeholder:"VERSION" help:"beta, or v1.0 for the plain route only (default ${default})."`
	Timeout    time.Duration `name:"graph-timeout" env:"GRAPH_TIMEOUT" default:"30s" placeholder:"TIME" help:"For one request, 30s at most (default ${default})."`
	ReadLimit  budget.Limit  `name:"read-limit" env:"GRAPH_READ_LIMIT" default:"900/20s" placeholder:"N/TIME" help:"Reads that one app may make in one tenant in any such time (default ${default}: what Graph's limit of 1000 for requests of any kind leaves beside the writes)."`
	App        `embed:""`
}

// ID is Tenant.ID, with the token of these flags.
func (g Graph) ID(ctx context.Context) (uuid.UUID, error) {
	return g.Tenant.id(ctx, g.env("GRAPH_ACCESS_TOKEN"))
}

// Client returns a client for Graph. connections is how many requests may be under way at once.
func (g Graph) Client(tenant uuid.UUID, connections int) (*graph.Client, error) {
	cloud, root, err := graph.FindCloud(g.Cloud, g.BaseURL, g.Authority)
	ca, caErr := g.ca()
	if err := errors.Join(err, caErr); err != nil {
		return nil, err
	}
	tokens, err := g.App.tokens(graph.CredentialConfig{Tenant: tenant, Cloud: cloud, CA: ca})
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Config{
		Root: root, Version: g.APIVersion, Timeout: g.Timeout, Tokens: tokens, Connections: connections, CA: ca,
		UserAgent: "graphpatch/" + Version,
	})
}
