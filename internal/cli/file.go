package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/jobs"
)

// ConfigFile is the flag that names a file with several tenants.
type ConfigFile struct {
	ConfigPath string `name:"config" env:"GRAPHPATCH_CONFIG" placeholder:"FILE" help:"A YAML file with the tenants, instead of the flags and variables for one: see docs/configuration.md."`
}

// Served are the tenants of the file or, without one, that of the flags. What the entries take from variables and other
// files is read here; a fault of that is told by Connect, so that those of one tenant do not hide the others.
func (f ConfigFile) Served(g Graph) ([]Served, error) {
	if f.ConfigPath == "" {
		return []Served{g.Served()}, nil
	}
	all, err := f.tenants(flagsBesides(g))
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].variables, all[i].fault = all[i].credential.read()
	}
	if os.Getenv(tokenVariable) != "" && !slices.ContainsFunc(all, func(s Served) bool { return s.credential.names(tokenVariable) }) {
		return nil, contradiction(tokenVariable)
	}
	return all, nil
}

// tokenVariable wins over all other credentials, so one that nothing uses is taken for a mistake.
const tokenVariable = "GRAPH_ACCESS_TOKEN"

// ServedNamed is Served for a command that may say with --tenant which one of the file is meant, by its name or its
// tenant, which may have several apps. Without it all are.
func (f ConfigFile) ServedNamed(g Graph) ([]Served, error) {
	name := g.Tenant.Tenant
	if f.ConfigPath == "" || name == "" {
		return f.Served(g)
	}
	g.Tenant.Tenant = ""
	all, err := f.Served(g)
	if err != nil {
		return nil, err
	}
	named := slices.DeleteFunc(slices.Clone(all), func(s Served) bool { return !s.named(name) })
	if len(named) == 0 {
		return nil, unknownTenant(f.ConfigPath, name, all)
	}
	return named, nil
}

// Find returns the tenant that is meant, and its flags, for a command that needs no credentials: --tenant is a name or a
// tenant of the file, or some other GUID. Without a file the flags stay as they are.
func (f ConfigFile) Find(ctx context.Context, t Tenant) (Tenant, uuid.UUID, error) {
	if f.ConfigPath == "" {
		id, err := t.ID(ctx)
		return t, id, err
	}
	t, err := f.find(t)
	if err != nil {
		return t, uuid.Nil, err
	}
	id, err := t.id(ctx, "") // the entry's token is the workers' business
	return t, id, err
}

func (f ConfigFile) find(t Tenant) (Tenant, error) {
	name := t.Tenant
	t.Tenant = ""
	all, err := f.tenants(flagsOf(t))
	if err != nil {
		return t, err
	}
	switch i := findServed(all, name); {
	case i >= 0:
		return all[i].Tenant, nil
	case name == "" && len(all) == 1:
		return all[0].Tenant, nil
	case name == "":
		return t, fmt.Errorf("which tenant? Name one of %s with --tenant: %s", f.ConfigPath, servedNames(all))
	case !isGUID(name):
		return t, unknownTenant(f.ConfigPath, name, all)
	}
	t.Tenant = name
	return t, nil
}

// Reconciliation finds one by its name, with its tenant.
func (f ConfigFile) Reconciliation(ctx context.Context, name string) (r jobs.Reconciliation, s Served, err error) {
	if f.ConfigPath == "" {
		return r, s, errors.New("reconciliations are in a file: name it with --config (GRAPHPATCH_CONFIG)")
	}
	all, err := f.tenants(nil)
	if err != nil {
		return r, s, err
	}
	var names []string
	for _, s := range all {
		for _, one := range s.Reconciliations {
			if one.Name == name {
				one.Tenant, err = s.id(ctx, "")
				return one.Reconciliation, s, err
			}
			names = append(names, one.Name)
		}
	}
	if len(names) == 0 {
		return r, s, fmt.Errorf("%s has no reconciliations", f.ConfigPath)
	}
	return r, s, fmt.Errorf("%s has no reconciliation %q; it has %s", f.ConfigPath, name, strings.Join(names, ", "))
}

func unknownTenant(file, name string, all []Served) error {
	return fmt.Errorf("--tenant %s: %s has no tenant of that name; it has %s", name, file, servedNames(all))
}

// tenants reads the file, which nothing may contradict.
func (f ConfigFile) tenants(besides []string) ([]Served, error) {
	var faults []error
	if len(besides) > 0 {
		faults = append(faults, contradiction(besides...))
	}
	text, err := readConfig(f.ConfigPath)
	if err != nil {
		return nil, errors.Join(append(faults, fmt.Errorf("--config: %w", err))...)
	}
	all, err := parseTenants(f.ConfigPath, text)
	return all, errors.Join(append(faults, err)...)
}

// maxConfig is how long the file may be, in bytes: an entry takes 300.
const maxConfig = 1 << 20

func readConfig(path string) (text []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err = io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("%s is longer than 1 MiB", path)
	}
	return text, err
}

func contradiction(besides ...string) error {
	return fmt.Errorf("--config (GRAPHPATCH_CONFIG) says all about the tenants, so nothing else may: leave it out, or %s", strings.Join(besides, ", "))
}

func findServed(all []Served, name string) int {
	return slices.IndexFunc(all, func(s Served) bool { return s.named(name) })
}

// named reports whether an entry is meant by its name or its tenant.
func (s Served) named(name string) bool {
	return name != "" && (s.Name == name || strings.EqualFold(s.Tenant.Tenant, name))
}

func servedNames(all []Served) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

// setting is a flag with what it says when nobody has set it.
type setting struct{ names, value, unset string }

func set(settings ...setting) (names []string) {
	for _, f := range settings {
		if f.value != "" && f.value != f.unset {
			names = append(names, f.names)
		}
	}
	return names
}

// flagsOf names the flags that say the tenant, other than with their default.
func flagsOf(t Tenant) []string {
	limit := ""
	if t.WriteLimit != (budget.Limit{}) {
		limit = t.WriteLimit.String()
	}
	return set(setting{"--tenant (AZURE_TENANT_ID)", t.Tenant, ""}, setting{"--graph-cloud (GRAPH_CLOUD)", t.Cloud, defaultCloud},
		setting{"--graph-base-url (GRAPH_BASE_URL)", t.BaseURL, ""}, setting{"--authority-host (AZURE_AUTHORITY_HOST)", t.Authority, ""},
		setting{"--ca-file (GRAPH_CA_FILE)", t.CAFile, ""}, setting{"--write-limit (GRAPH_WRITE_LIMIT)", limit, budget.DefaultWrites.String()})
}

// flagsBesides is flagsOf with those that a client needs. The variables of Azure's SDKs that hold a secret are no
// contradiction: an entry may name them.
func flagsBesides(g Graph) []string {
	limit, timeout := "", ""
	if g.ReadLimit != (budget.Limit{}) {
		limit = g.ReadLimit.String()
	}
	if g.Timeout != 0 {
		timeout = g.Timeout.String()
	}
	return append(flagsOf(g.Tenant), set(setting{"--graph-api-version (GRAPH_API_VERSION)", g.APIVersion, defaultVersion},
		setting{"--graph-timeout (GRAPH_TIMEOUT)", timeout, defaultTimeout.String()}, setting{"--read-limit (GRAPH_READ_LIMIT)", limit, budget.DefaultReads.String()},
		setting{"--client-id (AZURE_CLIENT_ID)", g.ClientID, ""}, setting{"--token-cache (GRAPHPATCH_TOKEN_CACHE)", g.TokenCache, ""})...)
}

// What holds for an entry that does not say it; the same as for flags.
const (
	defaultCloud   = "global"
	defaultVersion = "beta"
	defaultTimeout = 30 * time.Second
)
