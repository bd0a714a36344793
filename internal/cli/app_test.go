package cli

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
)

// loginService knows one tenant, and logs in whoever asks.
func loginService(t *testing.T) (url, caFile string) {
	t.Helper()
	var server *httptest.Server
	answer := func(w http.ResponseWriter, value map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(value); err != nil {
			panic(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		root := server.URL + "/" + mine
		answer(w, map[string]any{
			"issuer": root + "/v2.0", "token_endpoint": root + "/oauth2/v2.0/token", "authorization_endpoint": root + "/authorize",
		})
	})
	mux.HandleFunc("POST /"+mine+"/oauth2/v2.0/devicecode", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"user_code": "A", "device_code": "hidden-4711", "expires_in": 900, "interval": 5, "message": "Enter A.\x1b[2J"})
	})
	mux.HandleFunc("POST /"+mine+"/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{
			"token_type": "Bearer", "expires_in": 3599, "access_token": "hidden-4711", "refresh_token": "hidden-4711", "scope": r.FormValue("scope"),
			"id_token": "e30.eyJzdWIiOiJzIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhQGNvbnRvc28uZXhhbXBsZSJ9.", "client_info": "eyJ1aWQiOiJ1IiwidXRpZCI6InQifQ",
		})
	})
	server = httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, caFile
}

// TestLogin tells of a user who logs in to a tenant named by its domain, of the client that uses that, and of the logout.
func TestLogin(t *testing.T) {
	clearEnv(t)
	g := flags()
	g.Tenant.Tenant, g.ClientID, g.TokenCache = "contoso.example", "app", filepath.Join(t.TempDir(), "login.json")
	g.Authority, g.CAFile = loginService(t)

	var said strings.Builder
	if err := g.Login(t.Context(), &said); err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(said.String(), "\n")
	if first != `Enter A.\x1b[2J` || !strings.HasPrefix(second, "Logged in to the tenant "+mine+" as ada@contoso.example, until 20") || strings.Contains(said.String(), "hidden-4711") {
		t.Errorf("got %s", said.String())
	}
	client, err := g.Client(uuid.MustParse(mine), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ready(t.Context()); err != nil {
		t.Error(err)
	}

	for _, want := range []string{"Removed the login of ada@contoso.example: " + g.TokenCache, "Nobody was logged in: there is no " + g.TokenCache} {
		said.Reset()
		if err := g.Logout(t.Context(), &said); err != nil || said.String() != want+".\n" {
			t.Errorf("got %s, %v, want %s", said.String(), err, want)
		}
	}
	if _, err := os.Stat(g.TokenCache); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := g.Client(uuid.MustParse(mine), 1); err == nil || !strings.HasPrefix(err.Error(), "no credentials for Graph") {
		t.Errorf("got %v", err)
	}
}

func TestLoginFaults(t *testing.T) {
	clearEnv(t)
	g := flags()
	for _, want := range []string{"which tenant?", "GRAPH_CA_FILE: open /nowhere", "AZURE_CLIENT_ID is not set"} {
		err := g.Login(t.Context(), io.Discard)
		if coded, ok := errors.AsType[*Error](err); !ok || coded.Code != ExitUsage || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		switch {
		case g.Tenant.Tenant == "":
			g.Tenant.Tenant, g.CAFile = mine, "/nowhere"
		default:
			g.CAFile = ""
		}
	}
}

// TestEachLoginHasItsFile tells that a login for one tenant or app does not replace another's, and leaves the data home
// for no name.
func TestEachLoginHasItsFile(t *testing.T) {
	seen := map[string]bool{}
	for _, tenant := range []string{mine, theirs} {
		for _, app := range []string{"app", "APP2", "../../etc/passwd", ""} {
			file := App{ClientID: app}.cacheFile(uuid.MustParse(tenant))
			if dir, _ := filepath.Split(file); seen[file] || filepath.Base(filepath.Clean(dir)) != "logins" {
				t.Errorf("%s %s: got %s", tenant, app, file)
			}
			seen[file] = true
		}
	}
}

// TestUnsetIsEmpty tells that variables which are set to nothing, as compose files do, name no file.
func TestUnsetIsEmpty(t *testing.T) {
	clearEnv(t)
	t.Setenv("GRAPH_CLOUD", "global")
	t.Setenv("GRAPH_API_VERSION", "beta")
	t.Setenv("GRAPH_TIMEOUT", "30s")
	t.Setenv("GRAPH_WRITE_LIMIT", "1/1s")
	var g Graph
	parser, err := kong.New(&g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil || g.CAFile != "" || g.TokenCache != "" {
		t.Errorf("got %q and %q, %v", g.CAFile, g.TokenCache, err)
	}
}

func TestHelpShowsNoSecret(t *testing.T) {
	clearEnv(t)
	for _, name := range []string{"GRAPH_ACCESS_TOKEN", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "IDENTITY_HEADER"} {
		t.Setenv(name, "hidden-4711")
	}
	var said strings.Builder
	if code := run("test", "", &struct{ Graph }{}, []string{"--help"}, Streams{Out: &said, Err: &said}); code != ExitDone || strings.Contains(said.String(), "hidden-4711") {
		t.Errorf("got %d, %s", code, said.String())
	}
}
