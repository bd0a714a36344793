package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

const issuedToken = "issued-token-4713"

var tenant = uuid.MustParse("11111111-2222-4333-8444-555555555555")

// authority is a login service: it describes itself, and issues tokens.
type authority struct {
	server *httptest.Server
	logins atomic.Int32
	form   atomic.Pointer[url.Values] // of the last login
	answer http.HandlerFunc           // nil: a token
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+tenant.String()+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		root := a.server.URL + "/" + tenant.String()
		writeJSON(w, map[string]string{
			"token_endpoint":         root + "/oauth2/v2.0/token",
			"authorization_endpoint": root + "/oauth2/v2.0/authorize",
			"issuer":                 root + "/v2.0",
		})
	})
	mux.HandleFunc("POST /"+tenant.String()+"/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		a.logins.Add(1)
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		a.form.Store(&r.Form)
		if a.answer != nil {
			a.answer(w, r)
			return
		}
		writeJSON(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": issuedToken})
	})
	a.server = httptest.NewTLSServer(mux)
	t.Cleanup(a.server.Close)
	return a
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err)
	}
}

func (a *authority) credentials() graph.SecretConfig {
	return graph.SecretConfig{
		Authority: a.server.URL + "/", Tenant: tenant, ClientID: "client-1", Secret: graph.NewSecret(clientSecret),
		Root: "https://graph.microsoft.us/", HTTP: a.server.Client(),
	}
}

func (a *authority) tokens(t *testing.T) graph.TokenSource {
	t.Helper()
	tokens, err := graph.NewSecretTokens(a.credentials())
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestLogin(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	tokens := a.tokens(t)
	for range 3 {
		if got, err := tokens.Token(t.Context()); got != issuedToken || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if got := a.logins.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
	form := *a.form.Load()
	want := map[string]string{
		"grant_type": "client_credentials", "client_id": "client-1", "client_secret": clientSecret,
	}
	got := map[string]string{}
	for name := range want {
		got[name] = form.Get(name)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("form (-got +want):\n%s", diff)
	}
	if scopes := strings.Fields(form.Get("scope")); len(scopes) == 0 || scopes[0] != "https://graph.microsoft.us/.default" {
		t.Errorf("got the scope %q", form.Get("scope"))
	}
}

// TestOneLoginForAll tells that callers who find no token share one login, and requests send what it gave.
func TestOneLoginForAll(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var sent sync.Map
	config := configFor(serve(t, func(_ http.ResponseWriter, r *http.Request) { sent.Store(r.Header.Get("Authorization"), true) }).URL)
	config.Tokens = a.tokens(t)
	client := newClient(t, config)
	together(50, func() {
		if err := client.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
	together(50, func() {
		if x := patch(t, client); x.Status != http.StatusOK {
			t.Errorf("%d %v", x.Status, x.Err)
		}
	})
	if got := a.logins.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
	sent.Range(func(header, _ any) bool {
		if header != "Bearer issued-token-4713" {
			t.Errorf("got %s", header)
		}
		return true
	})
}

func together(n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(do)
	}
	all.Wait()
}

// TestTokenNearItsEnd tells that a token of which little is left is not given out again.
func TestTokenNearItsEnd(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.answer = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"token_type": "Bearer", "expires_in": 200, "access_token": issuedToken})
	}
	tokens := a.tokens(t)
	for range 3 {
		if _, err := tokens.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.logins.Load(); got != 3 {
		t.Errorf("%d logins, want 3", got)
	}
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"wrong secret": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			writeJSON(w, map[string]string{
				"error":             "invalid_client",
				"error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nCorrelation ID: 2",
			})
		}, "the login service answered 401: invalid_client: AADSTS7000215: Invalid client secret provided."},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>busy</html>", http.StatusServiceUnavailable)
		}, "the login service answered 503: <html>busy</html>"},
		"echo": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "you sent "+r.FormValue("client_secret"), http.StatusBadRequest)
		}, "the login service answered 400: you sent ***"},
		"half a token": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"token_type":"Bearer","access_token":"%s","expires_in":`, issuedToken)
		}, "the login service's answer is not the JSON it should be"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "the login service answered 307"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			a.answer = test.answer
			got, err := a.tokens(t).Token(t.Context())
			var noToken *graph.TokenError
			if got != "" || !errors.As(err, &noToken) {
				t.Fatalf("got %q, %v", got, err)
			}
			if !strings.HasPrefix(err.Error(), "no token for Graph: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want %q", err, test.want)
			}
			for _, format := range []string{"%v", "%+v", "%#v"} {
				checkHides(t, name, fmt.Sprintf(format, err))
			}
		})
	}
}

// TestLoginThatHangs tells that each caller waits for it as long as it likes, and the login goes on for the next.
func TestLoginThatHangs(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	release := make(chan struct{})
	a.answer = func(w http.ResponseWriter, _ *http.Request) {
		<-release
		writeJSON(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": issuedToken})
	}
	tokens := a.tokens(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := tokens.Token(ctx)
	var noToken *graph.TokenError
	if !errors.As(err, &noToken) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if got, err := tokens.Token(t.Context()); got != issuedToken || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got := a.logins.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}

func TestCredentialsThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*graph.SecretConfig)
		want   string
	}{
		"no secret":        {func(c *graph.SecretConfig) { c.Secret = nil }, "AZURE_CLIENT_SECRET"},
		"plain http":       {func(c *graph.SecretConfig) { c.Authority = "http://login.microsoftonline.com" }, "AZURE_AUTHORITY_HOST"},
		"not a URL":        {func(c *graph.SecretConfig) { c.Authority = "login.microsoftonline.com" }, "AZURE_AUTHORITY_HOST"},
		"no login service": {func(c *graph.SecretConfig) { c.Authority = "" }, "AZURE_AUTHORITY_HOST"},
	} {
		credentials := graph.SecretConfig{
			Authority: "https://login.microsoftonline.com", Tenant: tenant, ClientID: "client-1", Secret: graph.NewSecret(clientSecret),
			Root: "https://graph.microsoft.com",
		}
		if _, err := graph.NewSecretTokens(credentials); err != nil {
			t.Fatal(err)
		}
		test.change(&credentials)
		_, err := graph.NewSecretTokens(credentials)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
			continue
		}
		checkHides(t, name, err.Error())
	}
}

// TestAuthorityOfEachCloud tells that a login goes to the cloud's own service, and asks for the cloud's own Graph.
func TestAuthorityOfEachCloud(t *testing.T) {
	t.Parallel()
	for _, cloud := range graph.Clouds() {
		var asked atomic.Pointer[http.Request]
		tokens, err := graph.NewSecretTokens(graph.SecretConfig{
			Authority: cloud.Authority, Tenant: tenant, ClientID: "client-1", Secret: graph.NewSecret(clientSecret), Root: cloud.Root,
			HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked.Store(r)
				return nil, errors.New("offline")
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Token(t.Context()); err == nil {
			t.Errorf("%s: a token from nowhere", cloud.Name)
		}
		want := cloud.Authority + "/" + tenant.String() + "/v2.0/.well-known/openid-configuration"
		if got := asked.Load().URL.Scheme + "://" + asked.Load().URL.Host + asked.Load().URL.Path; got != want {
			t.Errorf("%s: asked %s, want %s", cloud.Name, got, want)
		}
	}
}

// roundTrip keeps a test from reaching the network.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
