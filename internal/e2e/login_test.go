package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The app and the secret that the simulator's login service knows when nobody says otherwise.
const (
	app    = "22222222-2222-4222-8222-222222222222"
	secret = "simulated-secret"
	// mistyped is one that it does not know.
	mistyped = "mistyped-4711"
)

// login is one line of the simulator's log of logins.
type login struct {
	Host, Scope, Credential, Error, TokenID, AssertionID string
	Status                                               int
}

// simulatorWithLogin starts a Graph with its login service, and makes both the ones the programs talk to, by secret.
func (k *kit) simulatorWithLogin(args ...string) (root string) {
	k.tb.Helper()
	ca := filepath.Join(k.dir, "ca.pem")
	var said output
	sim := k.start(&said, "graphsim", append([]string{"--addr=127.0.0.1:0", "--write-limit=10000000/20s", "--login", "--ca-file=" + ca}, args...)...)
	lines := 2
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--proxy-addr") }) {
		lines = 3
	}
	k.until("the simulator listens", func() bool { return strings.Count(said.String(), "\n") == lines || len(sim.ended) > 0 })
	told := strings.Split(said.String(), "\n")
	if len(told) <= lines {
		k.tb.Fatalf("the simulator does not start: %s", sim.stderr)
	}
	k.env["GRAPH_BASE_URL"] = strings.TrimPrefix(told[0], "graphsim listening on ")
	k.env["AZURE_AUTHORITY_HOST"], _, _ = strings.Cut(strings.TrimPrefix(told[1], "login service at "), " ")
	k.env["GRAPH_CA_FILE"] = ca
	k.env["GRAPH_ACCESS_TOKEN"], k.env["AZURE_CLIENT_ID"], k.env["AZURE_CLIENT_SECRET"] = "", app, secret
	k.env["XDG_DATA_HOME"] = filepath.Join(k.dir, "data")
	if lines == 3 {
		k.env["PROXY"] = strings.TrimPrefix(told[2], "proxy at ")
	}
	return k.env["GRAPH_BASE_URL"]
}

// change tells the simulator's login service to behave otherwise from now on.
func (k *kit) change(root, what string) {
	k.tb.Helper()
	resp, err := http.Post(root+"/_sim/login", "application/json", strings.NewReader(what))
	if err != nil {
		k.tb.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		k.tb.Fatalf("%s: %s", what, resp.Status)
	}
}

// certificate makes an app's certificate and returns its file, with the key, and one without.
func (k *kit) certificate() (withKey, public string) {
	k.tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		k.tb.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "graphpatch test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		k.tb.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		k.tb.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	return k.write("app.pem", string(certificate)+string(private)), k.write("app.crt", string(certificate))
}

// Every way to get a token, from the environment to an answer of Graph.
func TestEveryCredential(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	withKey, public := k.certificate()
	federated := k.write("federated", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.c2ln")
	root := k.simulatorWithLogin("--login-certificate="+public, "--login-federated-token-file="+federated)
	clear := func() {
		for _, name := range []string{
			"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER",
			"AZURE_TOKEN_CREDENTIALS",
		} {
			k.env[name] = ""
		}
	}
	for _, c := range []struct {
		kind, credential string
		env              map[string]string
	}{
		{"client secret", "secret", map[string]string{"AZURE_CLIENT_SECRET": secret}},
		{"client certificate", "certificate", map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": withKey}},
		{"workload identity", "federated", map[string]string{"AZURE_FEDERATED_TOKEN_FILE": federated}},
		{"managed identity", "appservice", map[string]string{"IDENTITY_ENDPOINT": root + "/msi/token", "IDENTITY_HEADER": "simulated-identity"}},
	} {
		clear()
		for name, value := range c.env {
			k.env[name] = value
		}
		r := k.run("worker", "check")
		if r.code != 0 || !strings.Contains(r.stdout, c.kind+", app "+app) {
			t.Errorf("%s: %s", c.credential, r)
		}
		logins := get[login](k, root+"/_sim/logins")
		if last := logins[len(logins)-1]; last.Credential != c.credential || last.Status != 200 {
			t.Errorf("%s: the login was %+v", c.credential, last)
		}
	}
	clear()
	if r := k.ok("worker", "login"); !strings.Contains(r.stdout, "code") || !strings.Contains(r.stdout, "Logged in") {
		t.Errorf("login: %s", r)
	}
	if r := k.run("worker", "check"); r.code != 0 || !strings.Contains(r.stdout, "device code, app "+app) {
		t.Errorf("after a login: %s", r)
	}
	if r := k.ok("worker", "logout"); !strings.Contains(r.stdout, "Removed") {
		t.Errorf("logout: %s", r)
	}
	if r := k.run("worker", "check"); r.code != 1 || !strings.Contains(r.stdout, "no credentials for Graph: set one of") {
		t.Errorf("after the logout: %s", r)
	}
}

// Tokens end in the middle of a run, told or not: no row is lost, and each end costs one login.
func TestTokensEndInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args    []string
		refused bool // tokens end without a word
	}{
		"as was said":       {[]string{"--token-lifetime=4s"}, false},
		"before their time": {[]string{"--token-lifetime=4s", "--token-says=1h"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, _ := newTestKit(t)
			root := k.simulatorWithLogin(c.args...)
			k.env["GRAPH_WRITE_LIMIT"] = "400/20s"
			k.ok("enqueue", "csv", k.sample(280))
			k.ok("worker", "--drain")
			if r := runs(k)[0]; number(t, r["applied"]) != 280 || (number(t, r["unauthorized"]) > 0) != c.refused || number(t, r["rejected"]) != 0 {
				t.Errorf("got %v", r)
			}
			refused := map[string]bool{}
			for _, r := range get[struct {
				TokenID string
				Status  int
			}](k, root+"/_sim/requests") {
				if r.Status == http.StatusUnauthorized {
					refused[r.TokenID] = true
				}
			}
			logins := get[login](k, root+"/_sim/logins")
			if c.refused && len(logins) != len(refused)+1 || !c.refused && len(logins) > 7 || len(logins) < 3 {
				t.Errorf("%d logins, %d tokens refused", len(logins), len(refused))
			}
		})
	}
}

// What is wrong is said in words that an administrator can act on; the run is held or waits, and no row is spent.
func TestWhatAnAdministratorIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		role string
		says string
		held bool
	}{
		"wrong secret":       {env: map[string]string{"AZURE_CLIENT_SECRET": mistyped}, says: "AZURE_CLIENT_SECRET is wrong"},
		"unknown tenant":     {args: []string{"--login-tenant=99999999-1111-4111-8111-111111111111"}, says: "check AZURE_TENANT_ID"},
		"unknown app":        {args: []string{"--login-app=99999999-1111-4111-8111-111111111111"}, says: "check AZURE_CLIENT_ID"},
		"missing permission": {args: []string{"--login-role=none"}, says: "grant it the permission DeviceManagementConfiguration.ReadWrite.All", held: true},
		"clock off":          {args: []string{"--clock-offset=1h"}, env: map[string]string{"AZURE_CLIENT_SECRET": ""}, says: "clock"},
		"no network":         {env: map[string]string{"GRAPH_BASE_URL": "http://127.0.0.1:1"}, says: "nothing gets through to Graph"},
		"no login service":   {env: map[string]string{"AZURE_AUTHORITY_HOST": "https://127.0.0.1:1"}, says: "refuses connections"},
		"login service down": {args: []string{"--login-fault=503"}, says: "answered 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, db := newTestKit(t)
			args := c.args
			if name == "clock off" {
				withKey, public := k.certificate()
				args = append(args, "--login-certificate="+public)
				k.env["AZURE_CLIENT_CERTIFICATE_PATH"] = withKey
			}
			k.simulatorWithLogin(args...)
			for variable, value := range c.env {
				k.env[variable] = value
			}
			run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.sample(30)))
			worker := k.start(nil, "worker")
			var shown ran
			k.until("the run says what is wrong", func() bool {
				shown = k.ok("audit", "show", run)
				return strings.Contains(shown.stdout, c.says)
			})
			if state := "held: "; c.held != strings.Contains(shown.stdout, state) {
				t.Errorf("held should be %v: %s", c.held, shown)
			}
			var spent int
			if err := db.Conn(t).QueryRow(t.Context(), `SELECT count(*) FROM audit_event WHERE final`).Scan(&spent); err != nil || spent != 0 {
				t.Errorf("%d rows are spent, %v", spent, err)
			}
			if code := worker.end(syscall.SIGTERM); code != 0 {
				t.Errorf("the worker ended with %d: %s", code, worker.stderr)
			}
			for what, text := range map[string]string{"the worker's log": worker.stderr.String(), "audit show": shown.stdout} {
				if strings.Contains(text, secret) || strings.Contains(text, mistyped) {
					t.Errorf("%s shows a secret", what)
				}
			}
		})
	}
}

// The login service comes back: nobody has to do anything.
func TestLoginHealsByItself(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	root := k.simulatorWithLogin("--login-fault=503:first=2", "--fault=claims:method=PATCH:after=50:first=1")
	k.ok("enqueue", "csv", k.sample(120))
	k.ok("worker", "--drain")
	if r := runs(k)[0]; number(t, r["applied"]) != 120 || number(t, r["unauthorized"]) != 1 {
		t.Errorf("got %v", r)
	}
	k.change(root, `{"secret":"another"}`)
	if r := k.run("worker", "check"); r.code != 1 || !strings.Contains(r.stdout, "AADSTS7000215") {
		t.Errorf("another secret: %s", r)
	}
}

// Each of the four clouds has its own host, login service and scope, on the wire.
func TestEveryCloud(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	root := k.simulatorWithLogin("--proxy-addr=127.0.0.1:0")
	k.env["GRAPH_BASE_URL"], k.env["AZURE_AUTHORITY_HOST"], k.env["HTTPS_PROXY"] = "", "", k.env["PROXY"]
	seen, logged := 0, 0
	for _, c := range []struct{ cloud, graph, login string }{
		{"global", "graph.microsoft.com", "login.microsoftonline.com"},
		{"usgov", "graph.microsoft.us", "login.microsoftonline.us"},
		{"usgovdod", "dod-graph.microsoft.us", "login.microsoftonline.us"},
		{"china", "microsoftgraph.chinacloudapi.cn", "login.partner.microsoftonline.cn"},
	} {
		k.env["GRAPH_CLOUD"] = c.cloud
		k.ok("enqueue", "csv", "--again", k.sample(3))
		if r := k.run("worker", "--drain"); r.code != 0 {
			t.Fatalf("%s: %s", c.cloud, r)
		}
		requests := get[struct{ Host, Method string }](k, root+"/_sim/requests")
		for _, r := range requests[seen:] {
			if r.Host != c.graph {
				t.Errorf("%s: a %s went to %s", c.cloud, r.Method, r.Host)
			}
		}
		logins := get[login](k, root+"/_sim/logins")
		for _, l := range logins[logged:] {
			if l.Host != c.login || l.Scope != "https://"+c.graph+"/.default" && !strings.HasPrefix(l.Scope, "https://"+c.graph+"/.default ") {
				t.Errorf("%s: a login at %s for %s", c.cloud, l.Host, l.Scope)
			}
		}
		if len(requests) != seen+4 || len(logins) != logged+1 {
			t.Errorf("%s: %d requests, %d logins", c.cloud, len(requests)-seen, len(logins)-logged)
		}
		seen, logged = len(requests), len(logins)
	}
}

// One row, sent and read back, from a program's point of view.
func TestCheckOfOneRow(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulatorWithLogin("--fault=unstuck:status=liar")
	file := k.write("rows.csv", "deviceConfigurationId,id,status\nc,honest,compliant\nc,liar,compliant\nc,faulty,complaint\n")
	for _, c := range []struct {
		line, result, found string
		code                int
	}{
		{"2", "ok", "the value stuck", 0},
		{"3", "failed", "cannot be read back", 1},
		{"4", "failed", "column 3 (status): \"complaint\"", 1},
		{"7", "failed", "no row begins at line 7", 1},
	} {
		r := k.run("worker", "check", "--output=json", "--row="+file+":"+c.line)
		var findings []struct{ Check, Result, Found string }
		if err := json.NewDecoder(bytes.NewReader([]byte(r.stdout))).Decode(&findings); err != nil || len(findings) == 0 {
			t.Fatalf("line %s: %v: %s", c.line, err, r)
		}
		last := findings[len(findings)-1]
		if r.code != c.code || last.Check != "row" || last.Result != c.result || !strings.Contains(last.Found, c.found) {
			t.Errorf("line %s: %s", c.line, r)
		}
	}
	if r := k.run("worker", "check", "--row=rows.csv"); r.code != 2 || !strings.Contains(r.stderr, "FILE:LINE") {
		t.Errorf("%s", r)
	}
}
