package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
)

// Tenant are the flags that say whose statuses are meant.
type Tenant struct {
	Tenant     string       `env:"AZURE_TENANT_ID" placeholder:"GUID" help:"The tenant. Not set: the one of GRAPH_ACCESS_TOKEN."`
	BaseURL    string       `name:"graph-base-url" env:"GRAPH_BASE_URL" placeholder:"URL" help:"Another root than the cloud's; http only on this machine."`
	WriteLimit budget.Limit `name:"write-limit" env:"GRAPH_WRITE_LIMIT" default:"100/20s" placeholder:"N/TIME" help:"Writes that one app may make in one tenant in any such time (default ${default}, Graph's documented limit)."`
}

// Rehearsal is the tenant of a simulator on this machine, when no other is named: a run for it can never be sent to a
// real tenant.
var Rehearsal = uuid.MustParse("00000000-0000-4000-8000-000000000000")

// ID finds out the tenant. Where both the flag and the token name one they must agree, otherwise one tenant's rows would
// be sent with the other's token.
func (t Tenant) ID() (uuid.UUID, error) {
	token := os.Getenv("GRAPH_ACCESS_TOKEN")
	issued, readable := graph.TokenTenant(token)
	if t.Tenant != "" {
		id, err := uuid.Parse(t.Tenant)
		switch {
		case err != nil || len(t.Tenant) != 36:
			return uuid.Nil, fmt.Errorf("AZURE_TENANT_ID: %q is no GUID: the Entra admin center shows it as Tenant ID", t.Tenant)
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

// Graph are the flags that say how Graph is reached.
type Graph struct {
	Tenant     `embed:""`
	Cloud      string        `name:"graph-cloud" env:"GRAPH_CLOUD" default:"global" placeholder:"NAME" help:"Microsoft's cloud: global, usgov, usgovdod or china (default ${default})."`
	APIVersion string        `name:"graph-api-version" env:"GRAPH_API_VERSION" default:"beta" placeholder:"VERSION" help:"beta, or v1.0 for the plain route only (default ${default})."`
	Timeout    time.Duration `name:"graph-timeout" env:"GRAPH_TIMEOUT" default:"30s" placeholder:"TIME" help:"For one request, 30s at most (default ${default})."`
	ClientID   string        `name:"client-id" env:"AZURE_CLIENT_ID" placeholder:"GUID" help:"The app that logs in. Its secret comes from AZURE_CLIENT_SECRET; a token brought along from GRAPH_ACCESS_TOKEN."`
	Authority  string        `name:"authority-host" env:"AZURE_AUTHORITY_HOST" placeholder:"URL" help:"Another login service than the cloud's."`
}

// Client returns a client for Graph. connections is how many requests may be under way at once.
func (g Graph) Client(tenant uuid.UUID, connections int) (*graph.Client, error) {
	cloud, err := graph.CloudByName(g.Cloud)
	if err != nil {
		return nil, err
	}
	root := cloud.Root
	if g.BaseURL != "" {
		root = g.BaseURL
	}
	if g.Authority != "" {
		cloud.Authority = g.Authority
	}
	tokens, err := g.tokens(cloud, root, tenant)
	if err != nil {
		return nil, err
	}
	return graph.New(graph.Config{
		Root: root, Version: g.APIVersion, Timeout: g.Timeout, Tokens: tokens, Connections: connections,
		UserAgent: "graphpatch/" + Version,
	})
}

func (g Graph) tokens(cloud graph.Cloud, root string, tenant uuid.UUID) (graph.TokenSource, error) {
	if token := os.Getenv("GRAPH_ACCESS_TOKEN"); token != "" {
		return graph.StaticToken(token), nil
	}
	secret := os.Getenv("AZURE_CLIENT_SECRET")
	var missing []string
	if g.ClientID == "" {
		missing = append(missing, "AZURE_CLIENT_ID")
	}
	if secret == "" {
		missing = append(missing, "AZURE_CLIENT_SECRET")
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no credentials for Graph: set %s, or GRAPH_ACCESS_TOKEN", strings.Join(missing, " and "))
	}
	return graph.NewSecretTokens(graph.SecretConfig{
		Authority: cloud.Authority, Tenant: tenant, ClientID: g.ClientID, Secret: graph.NewSecret(secret), Root: root,
	})
}
