package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	throttledTenant = "22222222-2222-4222-8222-222222222222"
	tokenlessTenant = "33333333-3333-4333-8333-333333333333"
)

// tenantsFile writes a file with a tenant at each simulator, and one whose login service does not answer. The kit's own
// tenant and token are taken out of the environment.
func (k *kit) tenantsFile(healthy, throttled string) {
	k.tb.Helper()
	for _, name := range []string{"AZURE_TENANT_ID", "GRAPH_ACCESS_TOKEN", "GRAPH_BASE_URL", "GRAPH_WRITE_LIMIT"} {
		delete(k.env, name)
	}
	k.env["HEALTHY_TOKEN"], k.env["SECRET"] = "token", "hidden-4711"
	k.write("throttled-token", "token\n")
	const entry = `
  - name: %s
    tenant: %s
    base-url: %s
    credential: {%s}
    limits: {writes: 2000/20s, tenant: 4000/20s}
`
	k.env["GRAPHPATCH_CONFIG"] = k.write("tenants.yaml", "tenants:\n"+
		fmt.Sprintf(entry, "healthy", tenant, healthy, "token: {env: HEALTHY_TOKEN}")+
		fmt.Sprintf(entry, "throttled", throttledTenant, throttled, "token: {file: throttled-token}")+
		fmt.Sprintf(entry, "tokenless", tokenlessTenant, "https://127.0.0.1:1", "secret: {env: SECRET}")+
		"    app: a\n    authority-host: https://127.0.0.1:1\n")
}

// A tenant at 429 for ever and one without a token delay no other: the third finishes in its own time.
func TestTenantsDoNotDelayEachOther(t *testing.T) {
	t.Parallel()
	const rows = 300
	k, _ := newTestKit(t)
	healthy, throttled := k.simulator(), k.simulator("--fault=429:method=PATCH:100%")
	k.tenantsFile(healthy, throttled)
	file := k.sample(rows)
	stuck := []string{
		enqueued(k, k.ok("enqueue", "csv", "--tenant=throttled", "--output=json", file)),
		enqueued(k, k.ok("enqueue", "csv", "--tenant="+tokenlessTenant, "--output=json", file)),
	}
	worker := k.start(nil, "worker")
	for _, run := range stuck {
		k.until("the stuck tenants' runs are tried", func() bool {
			return strings.Contains(k.ok("audit", "show", run).stdout, "waits:") || len(patches(k, throttled)) > 0
		})
	}
	k.ok("enqueue", "csv", "--tenant=healthy", "--wait", file)

	checkState(k, healthy, file)
	sent := patches(k, healthy)
	// 300 rows at 2000/20s take 3 s; the first one goes alone. Twice that is for a busy machine.
	if took := sent[len(sent)-1].At.Sub(sent[1].At); took > 6*time.Second {
		t.Errorf("%d rows took %s beside tenants that stand still", rows, took)
	}
	running, applied := 0, 0
	for _, r := range runs(k) {
		if applied += number(t, r["applied"]); r["state"] == "running" {
			running++
		}
	}
	if running != len(stuck) || applied != rows {
		t.Errorf("%d runs go on with %d rows applied, want %d and %d", running, applied, len(stuck), rows)
	}
	for _, r := range patches(k, throttled) {
		if r.Status != 429 {
			t.Errorf("the throttled tenant's Graph answered %d", r.Status)
		}
	}
	if code := worker.end(syscall.SIGTERM); code != 0 || strings.Contains(worker.stderr.String(), "hidden-4711") {
		t.Errorf("ended with %d:\n%s", code, worker.stderr)
	}
}

// A drain ends when no run of any tenant of the file can move, and names those that ended.
func TestDrainOfSeveralTenants(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	one, two := k.simulator(), k.simulator()
	k.tenantsFile(one, two)
	first, second := k.sample(20), k.sample(30)
	k.ok("enqueue", "csv", "--tenant=healthy", first)
	k.ok("enqueue", "csv", "--tenant=throttled", second)
	said := k.ok("worker", "--drain").stdout
	checkState(k, one, first)
	checkState(k, two, second)
	for _, want := range []string{"20 of 20 rows settled, 20 applied", "30 of 30 rows settled, 30 applied"} {
		if !strings.Contains(said, want) {
			t.Errorf("got %s, want %s", said, want)
		}
	}
}

// Two apps of one tenant in one file work its queue together: each within its own limit, both within the tenant's.
func TestTwoAppsOfOneTenant(t *testing.T) {
	t.Parallel()
	const rows = 1500 // two slices
	k, _ := newTestKit(t)
	root := k.simulator("--write-limit=1000/20s", "--tenant-limit=2000/20s")
	k.tenantsFile(root, root) // takes the kit's tenant out of the environment
	entries := "tenants:\n"
	for _, app := range []string{"first", "second"} {
		variable := strings.ToUpper(app)
		k.env[variable] = unsigned(tenant, app)
		entries += fmt.Sprintf("  - {name: %s, tenant: %s, base-url: %s, credential: {token: {env: %s}}, limits: {writes: 1000/20s, tenant: 2000/20s}}\n",
			app, tenant, root, variable)
	}
	k.env["GRAPHPATCH_CONFIG"] = k.write("tenants.yaml", entries)
	file := k.sample(rows)
	k.ok("enqueue", "csv", "--tenant=first", file)
	if said := k.ok("worker", "--drain").stdout; strings.Count(said, "1500 of 1500 rows settled, 1500 applied") != 1 {
		t.Errorf("the drain said: %s", said)
	}
	checkState(k, root, file)
	sent := map[string]int{}
	for _, r := range patches(k, root) {
		if sent[r.TokenID]++; r.Status != 200 {
			t.Errorf("Graph answered %d", r.Status)
		}
	}
	for token, n := range sent {
		if n < rows/5 {
			t.Errorf("the token %s sent %d of %d rows", token, n, rows)
		}
	}
	if len(sent) != 2 {
		t.Errorf("%d apps sent something", len(sent))
	}
	r := k.run("worker", "check", "--tenant="+tenant, "--row="+file+":2")
	if want := "the row would be sent by each of the tenant's 2 apps"; r.code != 1 || !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), want) {
		t.Errorf("want %q: %s", want, r)
	}
	if r := k.ok("worker", "check", "--tenant="+tenant); !strings.Contains(r.stdout, "first: graph") || !strings.Contains(r.stdout, "second: graph") {
		t.Errorf("%s", r)
	}
}

// unsigned is a token that says whose it is.
func unsigned(tenant, app string) string {
	part := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"tid":%q,"appid":%q,"roles":["DeviceManagementConfiguration.ReadWrite.All"],"exp":%d}`, tenant, app, time.Now().Add(time.Hour).Unix())
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + "."
}

func TestCheckOfSeveralTenants(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.tenantsFile(k.simulator(), k.simulator())
	r := k.run("worker", "check")
	if r.code != 1 || strings.Count(r.stdout, "database") != 1 || strings.Contains(r.stdout, "hidden-4711") {
		t.Errorf("%s", r)
	}
	for _, want := range []string{"healthy: configuration", "healthy: graph", "throttled: token", "throttled: clock", "tokenless: configuration", "tokenless: token"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("want %q: %s", want, r)
		}
	}
	if r := k.ok("worker", "check", "--tenant=healthy"); strings.Contains(r.stdout, "throttled") {
		t.Errorf("%s", r)
	}
	row := "--row=" + k.write("rows.csv", "deviceConfigurationId,id,status\nc,u,compliant\n") + ":2"
	if r := k.ok("worker", "check", row, "--tenant="+throttledTenant); !strings.Contains(r.stdout, "throttled: row") || !strings.Contains(r.stdout, "the value stuck") {
		t.Errorf("%s", r)
	}
}

// What contradicts the file, and what is no tenant of it.
func TestUsageOfTheFile(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.tenantsFile("http://127.0.0.1:1", "http://127.0.0.1:1")
	users := k.write("users.csv", "deviceConfigurationId,id,status\nc,u,compliant\n")
	delete(k.env, "HEALTHY_TOKEN")
	for _, c := range []struct {
		env  string
		args []string
		want string
	}{
		{"", []string{"worker"}, "tenants.yaml:3: tenant healthy: the variable HEALTHY_TOKEN, named in "},
		{"", []string{"worker", "--tenant=healthy", "--graph-timeout=9s"}, "leave it out, or --tenant (AZURE_TENANT_ID), --graph-timeout (GRAPH_TIMEOUT)"},
		{"GRAPH_CLOUD=china", []string{"worker"}, "--graph-cloud (GRAPH_CLOUD)"},
		{"GRAPH_ACCESS_TOKEN=hidden-4711", []string{"worker"}, "leave it out, or GRAPH_ACCESS_TOKEN"},
		{"", []string{"worker", "--config=nowhere.yaml"}, "--config: open nowhere.yaml"},
		{"", []string{"worker", "check", "--row=users.csv:2"}, "--row with --config: name the tenant"},
		{"", []string{"enqueue", "csv", users}, "with --tenant: healthy, throttled, tokenless"},
		{"", []string{"enqueue", "csv", users, "--tenant=contoso"}, "--tenant contoso: "},
	} {
		name, value, _ := strings.Cut(c.env, "=")
		if name != "" {
			k.env[name] = value
		}
		r := k.run(c.args[0], c.args[1:]...)
		if r.code != 2 || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "hidden-4711") {
			t.Errorf("%v: want exit code 2 and %q: %s", c.args, c.want, r)
		}
		delete(k.env, name)
	}
	if r := k.ok("enqueue", "csv", "--dry-run", "--tenant=healthy", users); !strings.Contains(r.stdout, "At 2000/20s") {
		t.Errorf("%s", r)
	}
	if r := k.ok("enqueue", "csv", "--dry-run", "--tenant=44444444-4444-4444-8444-444444444444", users); !strings.Contains(r.stdout, "At 100/20s") {
		t.Errorf("%s", r)
	}
}
