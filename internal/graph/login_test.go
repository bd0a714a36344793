package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

const (
	issuedToken  = "issued-token-4713"
	deviceCode   = "device-code-4714"
	refreshToken = "refresh-token-4715"
)

var tenant = uuid.MustParse("11111111-2222-4333-8444-555555555555")

// authority is a login service: it describes itself, and issues tokens.
type authority struct {
	server *httptest.Server
	logins atomic.Int32
	form   atomic.Pointer[url.Values]       // of the last login
	answer atomic.Pointer[http.HandlerFunc] // nil: a token
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("name"); name != tenant.String() && name != "contoso.example" {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]any{"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant '" + name + "' not found.\r\nTrace ID: 1"})
			return
		}
		root := a.server.URL + "/" + tenant.String()
		writeJSON(w, map[string]string{
			"token_endpoint":                root + "/oauth2/v2.0/token",
			"authorization_endpoint":        root + "/oauth2/v2.0/authorize",
			"device_authorization_endpoint": root + "/oauth2/v2.0/devicecode",
			"issuer":                        root + "/v2.0",
		})
	})
	mux.HandleFunc("POST /"+tenant.String()+"/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		a.logins.Add(1)
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		a.form.Store(&r.Form)
		if answer := a.answer.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		writeJSON(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": issuedToken})
	})
	mux.HandleFunc("POST /"+tenant.String()+"/oauth2/v2.0/devicecode", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"user_code": "ABCD-1234", "device_code": deviceCode, "verification_uri": "https://login.example/device", "expires_in": 900, "interval": 5,
			"message": "Open https://login.example/device and enter ABCD-1234.",
		})
	})
	a.server = httptest.NewUnstartedServer(mux)
	a.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a handshake that fails is part of a test
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	return a
}

// answers has every later login answered like this.
func (a *authority) answers(handler http.HandlerFunc) { a.answer.Store(&handler) }

// grants has every later login answered with this token.
func (a *authority) grants(token string) {
	a.answers(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": token})
	})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err)
	}
}

func (a *authority) credentials() graph.CredentialConfig {
	return graph.CredentialConfig{
		Kind: graph.ClientSecret, Tenant: tenant, ClientID: "client-1", Secret: graph.NewSecret(clientSecret),
		Cloud: graph.Cloud{Name: "usgov", Root: "https://graph.microsoft.us/", Authority: a.server.URL + "/"}, CA: trusting(a.server),
	}
}

func (a *authority) tokens(t testing.TB) graph.TokenSource {
	t.Helper()
	return newTokens(t, a.credentials())
}

func newTokens(t testing.TB, config graph.CredentialConfig) graph.TokenSource {
	t.Helper()
	tokens, err := graph.NewTokens(config)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// checkToken logs in, or finds the token that is there.
func checkToken(t *testing.T, tokens graph.TokenSource, want string) {
	t.Helper()
	got, err := tokens.Token(t.Context())
	if err != nil || got.Text.Reveal() != want {
		t.Fatalf("got %q, %v, want %q", got.Text.Reveal(), err, want)
	}
}

func (a *authority) checkForm(t *testing.T, want map[string]string) {
	t.Helper()
	form := *a.form.Load()
	got := map[string]string{}
	for name := range want {
		got[name] = form.Get(name)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("form (-got +want):\n%s", diff)
	}
}

const declaresCP1 = `{"access_token":{"xms_cc":{"values":["CP1"]}}}`

func TestLogin(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	tokens := a.tokens(t)
	for range 3 {
		checkToken(t, tokens, issuedToken)
	}
	if got := a.logins.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
	a.checkForm(t, map[string]string{
		"grant_type": "client_credentials", "client_id": "client-1", "client_secret": clientSecret, "claims": declaresCP1,
	})
	if scopes := strings.Fields(a.form.Load().Get("scope")); len(scopes) == 0 || scopes[0] != "https://graph.microsoft.us/.default" {
		t.Errorf("got the scope %q", scopes)
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
		"a token in a megabyte": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", 1<<20)+`{"token_type":"Bearer","expires_in":3599,"access_token":"`+issuedToken+`"}`)
		}, "the login service's answer is not the JSON it should be"},
		"no end in view": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			for err := error(nil); err == nil; { // until the client has had enough
				_, err = io.WriteString(w, strings.Repeat("x", 64<<10))
			}
		}, "the login service answered 400: xxx"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "the login service answered 307"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			a.answers(test.answer)
			got, err := a.tokens(t).Token(t.Context())
			var noToken *graph.TokenError
			if got.Text != nil || !errors.As(err, &noToken) || noToken.RetryAt.IsZero() {
				t.Fatalf("got %v, %v", got, err)
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
	a.answers(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		writeJSON(w, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": issuedToken})
	})
	tokens := a.tokens(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := tokens.Token(ctx)
	var noToken *graph.TokenError
	if !errors.As(err, &noToken) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	checkToken(t, tokens, issuedToken)
	if got := a.logins.Load(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}
