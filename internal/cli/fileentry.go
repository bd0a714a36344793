package cli

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"graphpatch/internal/budget"
	"graphpatch/internal/graph"
	"graphpatch/internal/jobs"
)

// document reads the list of the tenants, what is to be reconciled in them, and what holds for all of them.
func (r *fileReader) document(root *yaml.Node) (all []Served) {
	var reconciliations *yaml.Node
	keepMonths := 0
	r.mapping(root, "the file", []key{
		{"tenants", true, func(list *yaml.Node) { all = r.tenants(list) }},
		{"reconciliations", false, func(list *yaml.Node) { reconciliations = list }},
		{"keep-months", false, func(v *yaml.Node) { keepMonths = parse(r, v, "keep-months", ParseKeepMonths) }},
	})
	if reconciliations != nil {
		r.reconciliations(reconciliations, all)
	}
	for i := range all {
		all[i].KeepMonths = keepMonths
	}
	return all
}

func (r *fileReader) tenants(list *yaml.Node) (all []Served) {
	list = target(list)
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		r.fault(list, "tenants must be a list, not empty")
		return nil
	}
	for _, entry := range list.Content {
		s := r.entry(entry)
		r.unlike(all, s, entry)
		all = append(all, s)
	}
	return all
}

// mostMonths is a hundred years.
const mostMonths = 1200

// ParseKeepMonths reads how many months of history are kept.
func ParseKeepMonths(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > mostMonths {
		return 0, fmt.Errorf("%q is no number of months to keep besides this one: use 1 to %d", s, mostMonths)
	}
	return n, nil
}

// unlike finds what two entries may not have in common.
func (r *fileReader) unlike(before []Served, s Served, entry *yaml.Node) {
	for _, other := range before {
		if s.Name != "" && s.Name == other.Name {
			r.fault(entry, "the name %q is there already, at %s", s.Name, other.at)
		}
	}
	if s.Tenant.Tenant == "" {
		return
	}
	var apps crowd
	for _, other := range before {
		if strings.EqualFold(s.Tenant.Tenant, other.Tenant.Tenant) {
			apps = append(apps, tenantApp{other, other.ClientID})
		}
	}
	if err := apps.admit(tenantApp{s, s.ClientID}); err != nil {
		r.fault(entry, "%v", err)
	}
}

// entryDefaults is an entry that says nothing.
func (r *fileReader) entryDefaults(entry *yaml.Node) Served {
	return Served{
		at: r.at(entry), AtOnce: jobs.AtOnce, TenantWrites: budget.Limit{Requests: 200, Window: 20 * time.Second},
		Graph: Graph{
			Tenant:     Tenant{Cloud: defaultCloud, WriteLimit: budget.DefaultWrites},
			APIVersion: defaultVersion, Timeout: defaultTimeout, ReadLimit: budget.DefaultReads,
		},
	}
}

func (r *fileReader) entry(entry *yaml.Node) Served {
	s := r.entryDefaults(entry)
	seen := r.mapping(entry, "a tenant", append([]key{
		{"name", true, func(v *yaml.Node) { s.Name = parse(r, v, "name", parseName) }},
		{"cloud", false, func(v *yaml.Node) { s.Cloud = r.oneOf(v, "cloud", cloudNames()) }},
		{"tenant", true, func(v *yaml.Node) { s.Tenant.Tenant = parse(r, v, "tenant", parseTenant) }},
		{"app", false, func(v *yaml.Node) { s.ClientID = r.text(v, "app") }},
		{"credential", true, func(v *yaml.Node) { s.credential = r.credential(v) }},
		{"base-url", false, func(v *yaml.Node) { s.BaseURL = parse(r, v, "base-url", parseBaseURL) }},
		{"authority-host", false, func(v *yaml.Node) { s.Authority = parse(r, v, "authority-host", parseAuthority) }},
		{"ca-file", false, func(v *yaml.Node) { s.CAFile = r.path(v, "ca-file") }},
		{"api-version", false, func(v *yaml.Node) { s.APIVersion = r.oneOf(v, "api-version", []string{"beta", "v1.0"}) }},
		{"timeout", false, func(v *yaml.Node) { s.Timeout = parse(r, v, "timeout", parseTimeout) }},
		{"limits", false, func(v *yaml.Node) { r.limits(v, &s) }},
		{"concurrency", false, func(v *yaml.Node) { s.AtOnce = parse(r, v, "concurrency", parseAtOnce) }},
	}, r.storing(&s)...))
	r.together(entry, &s, seen)
	return s
}

// together finds keys that are missing beside others, or contradict them.
func (r *fileReader) together(entry *yaml.Node, s *Served, seen map[string]*yaml.Node) {
	if s.credential.needsApp && s.ClientID == "" && seen["app"] == nil {
		r.fault(entry, "the tenant has no \"app\", which its credential needs: the client id of the app that logs in")
	}
	switch redacted := s.storeBodies == jobs.RedactedBodies; {
	case redacted && seen["pseudonym-key"] == nil:
		r.fault(seen["store-bodies"], "store-bodies is redacted: set pseudonym-key too, by which names can be found again")
	case !redacted && seen["pseudonym-key"] != nil:
		r.fault(seen["pseudonym-key"], "pseudonym-key is only of use with store-bodies: redacted")
	}
	for _, name := range []string{"base-url", "authority-host"} {
		if s.Cloud == graph.Custom && seen[name] == nil {
			r.fault(seen["cloud"], "cloud is custom: set %s too", name)
		}
	}
}

func (r *fileReader) limits(value *yaml.Node, s *Served) {
	r.mapping(value, "limits", []key{
		{"writes", false, func(v *yaml.Node) { s.WriteLimit = parse(r, v, "writes", budget.ParseLimit) }},
		{"reads", false, func(v *yaml.Node) { s.ReadLimit = parse(r, v, "reads", budget.ParseLimit) }},
		{"tenant", false, func(v *yaml.Node) { s.TenantWrites = parse(r, v, "tenant", budget.ParseLimit) }},
	})
	if perSecond(s.WriteLimit) > perSecond(s.TenantWrites) && perSecond(s.TenantWrites) > 0 {
		r.fault(value, "writes are %s, more than the %s of all apps of the tenant: lower writes or raise tenant", s.WriteLimit, s.TenantWrites)
	}
}

// perSecond compares limits of different windows; 0 for one that could not be read.
func perSecond(l budget.Limit) float64 {
	if l.Window <= 0 {
		return 0
	}
	return float64(l.Requests) / l.Window.Seconds()
}

// path is relative to the file's own folder, so that the worker may be started anywhere.
func (r *fileReader) path(value *yaml.Node, what string) string {
	path := r.text(value, what)
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.file), path)
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

func parseName(s string) (string, error) {
	if isGUID(s) || !nameForm.MatchString(s) {
		return "", fmt.Errorf("%q is no name: use up to 63 small letters, digits, - and . and no GUID", s)
	}
	return s, nil
}

func isGUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

func parseTenant(s string) (string, error) {
	if !isGUID(s) && (!strings.Contains(s, ".") || strings.ContainsAny(s, "/:@ ")) {
		return "", fmt.Errorf("%q is neither a GUID nor a domain: the Entra admin center shows the GUID as Tenant ID", s)
	}
	return s, nil
}

func cloudNames() []string {
	var names []string
	for _, c := range graph.Clouds() {
		names = append(names, c.Name)
	}
	return append(names, graph.Custom)
}

// parseBaseURL does not show the text, which may hold a password by mistake.
func parseBaseURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Host == "", u.User != nil, !slices.Contains([]string{"http", "https"}, u.Scheme):
		return "", errors.New("no URL of a host: write it like https://graph.microsoft.com")
	case u.Scheme == "http" && !graph.IsLoopback(u.Hostname()):
		return "", errors.New("http is for this machine only: use https")
	}
	return s, nil
}

func parseAuthority(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return "", errors.New("no https URL of a host: write it like https://login.microsoftonline.com")
	}
	return s, nil
}

func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > defaultTimeout {
		return 0, fmt.Errorf("%q is no time for one request: write up to 30s", s)
	}
	return d, nil
}

// maxAtOnce is far beyond what any limit of Graph's can use.
const maxAtOnce = 20

func parseAtOnce(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxAtOnce {
		return 0, fmt.Errorf("%q is no number of slices at once: use 1 to %d", s, maxAtOnce)
	}
	return n, nil
}
