package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

// App are the flags that say as what to log in. Secrets come from the environment only.
type App struct {
	ClientID   string `name:"client-id" env:"AZURE_CLIENT_ID" placeholder:"GUID" help:"The app that logs in, or the user-assigned managed identity. What it proves itself by comes from the environment: see docs/credentials.md."`
	TokenCache string `name:"token-cache" env:"GRAPHPATCH_TOKEN_CACHE" placeholder:"FILE" help:"Where \"worker login\" keeps a login, instead of your data home."`

	variables map[string]string // of an entry in a file, instead of the environment's; nil for flags
}

// platform are the variables that describe the machine, not the app: they hold for the entries of a file, too.
var platform = []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"}

// env is the environment, with the flags before it.
func (a App) env(name string) string {
	switch {
	case name == "AZURE_CLIENT_ID":
		return a.ClientID
	case a.variables != nil && !slices.Contains(platform, name):
		return a.variables[name]
	}
	return os.Getenv(name)
}

// cacheFile is where the login for a tenant is kept: a file for each tenant and app, so that logging in to one is not
// logging out of another.
func (a App) cacheFile(tenant uuid.UUID) string {
	if a.TokenCache != "" {
		return a.TokenCache
	}
	return filepath.Join(xdg.DataHome, "graphpatch", "logins", tenant.String()+"-"+url.PathEscape(strings.ToLower(a.ClientID))+".json")
}

// tokens chooses the credentials and returns their source.
func (a App) tokens(config graph.CredentialConfig) (graph.TokenSource, error) {
	config = graph.CredentialsFromEnv(a.env, config)
	config.CacheFile = a.cacheFile(config.Tenant)
	loggedIn, loginErr := graph.LoggedIn(config.CacheFile, config.Tenant, config.ClientID)
	// A login that cannot be used is only a fault where it would be.
	kind, err := graph.ChooseKind(a.env, loggedIn || loginErr != nil)
	if err == nil && kind == graph.DeviceCode {
		err = loginErr
	}
	if err != nil {
		return nil, err
	}
	config.Kind = kind
	return graph.NewTokens(config)
}

// Login logs a person in with a code, keeps the login for the worker, and says so on w.
func (g Graph) Login(ctx context.Context, w io.Writer) error {
	tenant, err := g.ID(ctx)
	if err != nil {
		return Usage(err)
	}
	cloud, _, err := graph.FindCloud(g.Cloud, g.BaseURL, g.Authority)
	ca, caErr := g.ca()
	if err := errors.Join(err, caErr); err != nil {
		return Usage(err)
	}
	config := graph.CredentialConfig{
		Kind: graph.DeviceCode, Tenant: tenant, ClientID: g.ClientID, Cloud: cloud, CA: ca, CacheFile: g.cacheFile(tenant),
	}
	// A login that the worker could not use is not worth a person's time.
	if _, err := graph.NewTokens(config); err != nil {
		return Usage(err)
	}
	info, err := graph.DeviceLogin(ctx, config, func(message string) error {
		_, err := fmt.Fprintln(w, Visible(message))
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "Logged in to the tenant %s as %s, until %s; the worker renews it by itself.\nKept in %s (\"worker logout\" removes it).\n",
		info.Tenant, Visible(orUnknown(info.User)), info.Expires.UTC().Format(time.RFC3339), config.CacheFile)
	return err
}

func orUnknown(user string) string {
	if user == "" {
		return "an unknown user"
	}
	return user
}

// Logout removes the login that Login kept, and says what it did on w.
func (g Graph) Logout(ctx context.Context, w io.Writer) error {
	file := g.TokenCache
	if file == "" {
		tenant, err := g.ID(ctx)
		if err != nil {
			return Usage(err)
		}
		file = g.cacheFile(tenant)
	}
	user, removed, err := graph.Logout(file)
	if err != nil {
		return err
	}
	if !removed {
		_, err = fmt.Fprintf(w, "Nobody was logged in: there is no %s.\n", file)
		return err
	}
	_, err = fmt.Fprintf(w, "Removed the login of %s: %s.\n", Visible(orUnknown(user)), file)
	return err
}
