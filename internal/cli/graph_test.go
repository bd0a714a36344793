package cli

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/userstatus"
)

const (
	mine   = "11111111-2222-4333-8444-555555555555"
	theirs = "99999999-8888-4777-8666-555555555555"
)

func tokenOf(tenant string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"tid":"`+tenant+`"}`)) + ".c2ln"
}

func TestTenantID(t *testing.T) {
	const (
		loopback = "http://127.0.0.1:8080"
		noGUID   = "is neither a GUID nor a domain: the Entra admin center shows the GUID as Tenant ID"
		which    = "which tenant? Set AZURE_TENANT_ID or --tenant"
		opaque   = "which tenant? GRAPH_ACCESS_TOKEN does not say it: set AZURE_TENANT_ID or --tenant"
	)
	for name, test := range map[string]struct {
		tenant, token, root string
		want                string // the tenant, or a part of the error
	}{
		"named":                           {tenant: mine, want: mine},
		"named in upper case":             {tenant: strings.ToUpper("abcdef00-2222-4333-8444-555555555555"), want: "abcdef00-2222-4333-8444-555555555555"},
		"named, and so says the token":    {tenant: mine, token: tokenOf(mine), want: mine},
		"named, the token another":        {tenant: mine, token: tokenOf(theirs), want: "AZURE_TENANT_ID is " + mine + ", but GRAPH_ACCESS_TOKEN was issued for " + theirs},
		"another even on loopback":        {tenant: mine, token: tokenOf(theirs), root: loopback, want: "was issued for"},
		"named, the token does not say":   {tenant: mine, token: "opaque", want: mine},
		"named on loopback":               {tenant: mine, root: loopback, want: mine},
		"only the token":                  {token: tokenOf(theirs), want: theirs},
		"only the token, on loopback":     {token: tokenOf(theirs), root: loopback, want: theirs},
		"a word":                          {tenant: "common", want: `AZURE_TENANT_ID: "common" ` + noGUID},
		"GUID in braces":                  {tenant: "{" + mine + "}", want: noGUID},
		"GUID without hyphens":            {tenant: strings.ReplaceAll(mine, "-", ""), want: noGUID},
		"GUID as URN":                     {tenant: "urn:uuid:" + mine, want: noGUID},
		"as long as a GUID":               {tenant: strings.Repeat("x", 36), want: noGUID},
		"opaque token on loopback":        {token: "opaque", root: loopback, want: Rehearsal.String()},
		"opaque token on localhost":       {token: "opaque", root: "http://localhost:1", want: Rehearsal.String()},
		"opaque token on ::1":             {token: "opaque", root: "https://[::1]:8080/graph", want: Rehearsal.String()},
		"nothing on loopback":             {root: loopback, want: Rehearsal.String()},
		"opaque token":                    {token: "opaque", want: opaque},
		"opaque token elsewhere":          {token: "opaque", root: "https://graph.microsoft.com", want: opaque},
		"opaque token on a lookalike":     {token: "opaque", root: "https://127.0.0.1.example.com", want: opaque},
		"opaque token, and no URL":        {token: "opaque", root: "http://[::1", want: opaque},
		"token with a tenant by its name": {token: tokenOf("contoso.onmicrosoft.com"), want: opaque},
		"nothing":                         {want: which},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("GRAPH_ACCESS_TOKEN", test.token)
			got, err := Tenant{Tenant: test.tenant, Cloud: "global", BaseURL: test.root}.ID(t.Context())
			if err == nil && got.String() != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
			if _, isID := uuid.Parse(test.want); (isID == nil) != (err == nil) {
				t.Errorf("got %s, %v", got, err)
			}
			if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
				t.Errorf("the token stands in: %v", err)
			}
		})
	}
}

func flags() Graph {
	return Graph{Tenant: Tenant{Cloud: "global"}, APIVersion: "beta", Timeout: 5 * time.Second}
}

func TestClientFaults(t *testing.T) {
	for name, test := range map[string]struct {
		env    map[string]string
		change func(*Graph)
		want   string
	}{
		"no credentials": {nil, func(*Graph) {}, "no credentials for Graph: set one of\n"},
		"no secret":      {nil, func(g *Graph) { g.ClientID = "app" }, "no credentials for Graph: set one of\n"},
		"no app":         {map[string]string{"AZURE_CLIENT_SECRET": "hidden-4711"}, func(*Graph) {}, "AZURE_CLIENT_ID is not set: a client secret needs it"},
		"no cloud":       {nil, func(g *Graph) { g.Cloud = "mars" }, `GRAPH_CLOUD: "mars" is no cloud: use one of global, usgov, usgovdod, china, custom`},
		"no authorities": {nil, func(g *Graph) { g.Cloud, g.CAFile = "mars", "/nowhere" }, "GRAPH_CLOUD: \"mars\" is no cloud: use one of global, usgov, usgovdod, china, custom\nGRAPH_CA_FILE: open /nowhere"},
		"custom, bare": {nil, func(g *Graph) { g.Cloud = "custom" },
			"GRAPH_CLOUD is custom: set GRAPH_BASE_URL to the root of its Graph\nGRAPH_CLOUD is custom: set AZURE_AUTHORITY_HOST to its login service"},
		"no certificate": {map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere", "AZURE_CLIENT_CERTIFICATE_PASSWORD": "hidden-4711"}, func(g *Graph) { g.ClientID = "app" },
			"AZURE_CLIENT_CERTIFICATE_PATH: open /nowhere"},
		"a login that is none": {nil, func(g *Graph) { g.ClientID, g.TokenCache = "app", "graph_test.go" }, "GRAPHPATCH_TOKEN_CACHE: graph_test.go "},
		"another's token":      {map[string]string{"GRAPH_ACCESS_TOKEN": tokenOf(theirs)}, func(*Graph) {}, "no token for Graph: GRAPH_ACCESS_TOKEN: the token was issued for the tenant " + theirs},
		"login in the clear": {map[string]string{"AZURE_CLIENT_SECRET": "hidden-4711"}, func(g *Graph) { g.ClientID, g.Authority = "app", "http://login" },
			"AZURE_AUTHORITY_HOST is no https URL"},
		"token in the clear": {map[string]string{"GRAPH_ACCESS_TOKEN": "hidden-4711"}, func(g *Graph) { g.BaseURL = "http://graph.microsoft.com" },
			`GRAPH_BASE_URL: "http://graph.microsoft.com" is not encrypted`},
		"token with a line break": {map[string]string{"GRAPH_ACCESS_TOKEN": "hidden-4711\n"}, func(*Graph) {}, "GRAPH_ACCESS_TOKEN holds white space"},
		"several": {map[string]string{"GRAPH_ACCESS_TOKEN": "hidden-4711"}, func(g *Graph) { g.APIVersion, g.Timeout = "v2", time.Minute },
			"GRAPH_API_VERSION: \"v2\" is no version: use beta or v1.0\nGRAPH_TIMEOUT: 1m0s is out of range: use up to 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			g := flags()
			test.change(&g)
			_, err := g.Client(uuid.MustParse(mine), 4)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "hidden-4711") {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestClient tells where the requests of each cloud go, and that another root and a token brought along come first.
func TestClient(t *testing.T) {
	for cloud, root := range map[string]string{
		"global":   "https://graph.microsoft.com",
		"usgov":    "https://graph.microsoft.us",
		"usgovdod": "https://dod-graph.microsoft.us",
		"china":    "https://microsoftgraph.chinacloudapi.cn",
	} {
		clearEnv(t)
		t.Setenv("AZURE_CLIENT_SECRET", "hidden-4711")
		g := flags()
		g.Cloud, g.ClientID = cloud, "app"
		client, err := g.Client(uuid.MustParse(mine), 4)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close() //nolint:gocritic // four of them, at the end of the test
		if got, want := fmt.Sprint(client), "graph.Client("+root+"/beta)"; got != want {
			t.Errorf("%s: got %s, want %s", cloud, got, want)
		}
	}
}

func TestClientOfASimulator(t *testing.T) {
	clearEnv(t)
	sim, err := graphsim.New(graphsim.Config{Tokens: []string{"brought-along"}})
	if err != nil {
		t.Fatal(err)
	}
	var agent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	t.Setenv("GRAPH_ACCESS_TOKEN", "brought-along")
	t.Setenv("AZURE_CLIENT_SECRET", "hidden-4711")
	g := flags()
	g.ClientID, g.BaseURL = "app", server.URL
	client, err := g.Client(Rehearsal, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var wanted userstatus.Wanted
	if err := wanted.Set(userstatus.Status, "compliant"); err != nil {
		t.Fatal(err)
	}
	target := userstatus.Target{Tenant: Rehearsal, Route: userstatus.Plain, ConfigurationID: "C", StatusID: "S"}
	if x := client.Patch(t.Context(), target, wanted, uuid.New()); x.Status != http.StatusOK {
		t.Errorf("%d %s", x.Status, x.Problem())
	}
	if got, want := agent, "graphpatch/dev"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
