package graph_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"graphpatch/internal/graph"
)

const wantedClaims = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`

// gate is a Graph that takes one token, and asks the others to come again with claims.
type gate struct {
	good     atomic.Value
	requests atomic.Int32
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	if r.Header.Get("Authorization") != "Bearer "+g.good.Load().(string) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri=https://x, error="insufficient_claims", claims="`+
			base64.StdEncoding.EncodeToString([]byte(wantedClaims))+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, map[string]any{"error": map[string]string{"code": "InvalidAuthenticationToken", "message": "Continuous access evaluation resulted in challenge."}})
	}
}

func newGate(t *testing.T, good string) (*gate, graph.Config) {
	t.Helper()
	g := &gate{}
	g.good.Store(good)
	return g, configFor(serve(t, g.ServeHTTP).URL)
}

// TestRenew follows a refused token over the wire: one login with the claims of the challenge, for all who were refused.
func TestRenew(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	_, config := newGate(t, "second")
	config.Tokens = a.tokens(t)
	client := newClient(t, config)
	refused := patch(t, client)
	if refused.Outcome() != graph.Unauthorized || !refused.Sent {
		t.Fatalf("%d %v", refused.Status, refused.Err)
	}
	a.grants("second")
	together(20, func() {
		if err := client.Renew(t.Context(), refused); err != nil {
			t.Error(err)
		}
	})
	if got := a.logins.Load(); got != 2 {
		t.Errorf("%d logins, want 2", got)
	}
	if got, want := a.form.Load().Get("claims"), `{"access_token":{"nbf":{"essential":true,"value":"1604106651"},"xms_cc":{"values":["CP1"]}}}`; got != want {
		t.Errorf("got the claims %s, want %s", got, want)
	}
	if x := patch(t, client); x.Outcome() != graph.Applied {
		t.Errorf("%d %s", x.Status, x.Problem())
	}
}

// TestRefusedTwice tells that Graph is taken at its word, unless it took a token in between.
func TestRefusedTwice(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	g, config := newGate(t, "none")
	config.Tokens = a.tokens(t)
	client := newClient(t, config)
	if err := client.Renew(t.Context(), patch(t, client)); err != nil {
		t.Fatal(err)
	}
	var refused *graph.RefusedError
	err := client.Renew(t.Context(), patch(t, client))
	if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "Graph refuses the token: InvalidAuthenticationToken: Continuous access evaluation") {
		t.Errorf("got %v", err)
	}
	g.good.Store(issuedToken)
	if x := patch(t, client); x.Outcome() != graph.Applied {
		t.Errorf("%d %s", x.Status, x.Problem())
	}
	g.good.Store("none")
	if err := client.Renew(t.Context(), patch(t, client)); err != nil {
		t.Errorf("after an accepted token: %v", err)
	}
	if err := client.Renew(t.Context(), graph.Exchange{Status: http.StatusForbidden}); err != nil {
		t.Errorf("for what was no refusal: %v", err)
	}
}

func TestRenewWithoutALoginService(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	_, config := newGate(t, "none")
	config.Tokens = a.tokens(t)
	client := newClient(t, config)
	x := patch(t, client)
	a.answers(refusing(http.StatusServiceUnavailable, 90033, "temporarily_unavailable"))
	err := client.Renew(t.Context(), x)
	var noToken *graph.TokenError
	if !errors.As(err, &noToken) || noToken.RetryAt.IsZero() {
		t.Errorf("got %v", err)
	}
	if again := client.Ready(t.Context()); !errors.As(again, &noToken) || a.logins.Load() != 2 {
		t.Errorf("got %v after %d logins", again, a.logins.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	fresh := newAuthority(t)
	release := make(chan struct{})
	fresh.answers(func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	config.Tokens = fresh.tokens(t)
	if err := newClient(t, config).Ready(ctx); !errors.As(err, &noToken) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestBroughtToken tells that the first refusal of a token that cannot be renewed is the last.
func TestBroughtToken(t *testing.T) {
	t.Parallel()
	expired := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	for name, test := range map[string]struct {
		payload string
		ready   string // why not
		renew   string
	}{
		"opaque":    {"", "", "GRAPH_ACCESS_TOKEN cannot be renewed"},
		"good":      {fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()), "", "GRAPH_ACCESS_TOKEN cannot be renewed"},
		"expired":   {fmt.Sprintf(`{"exp":%d}`, expired.Unix()), "no token for Graph: GRAPH_ACCESS_TOKEN expired at " + expired.Format(time.RFC3339), "GRAPH_ACCESS_TOKEN expired at"},
		"odd":       {`{"exp":"soon"}`, "", "GRAPH_ACCESS_TOKEN cannot be renewed"},
		"for ever":  {`{"exp":1e300}`, "", "GRAPH_ACCESS_TOKEN cannot be renewed"},
		"long past": {`{"exp":-5}`, "", "GRAPH_ACCESS_TOKEN cannot be renewed"},
	} {
		text := token
		if test.payload != "" {
			text = jwt(test.payload)
		}
		_, config := newGate(t, "none")
		config.Tokens = graph.StaticToken(text)
		client := newClient(t, config)
		err := client.Ready(t.Context())
		if (err == nil) != (test.ready == "") || err != nil && !strings.HasPrefix(err.Error(), test.ready) {
			t.Errorf("%s: got %v, want %s", name, err, test.ready)
		}
		var refused *graph.RefusedError
		err = client.Renew(t.Context(), graph.Exchange{Status: http.StatusUnauthorized})
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.renew) {
			t.Errorf("%s: got %v, want %s", name, err, test.renew)
		}
	}
}

func TestBroughtTokenOfAnother(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"tid":"` + tenant.String() + `","appid":"client-1"}`: "",
		`{"tid":"99999999-2222-4333-8444-555555555555"}`:       "GRAPH_ACCESS_TOKEN: the token was issued for the tenant 99999999-2222-4333-8444-555555555555, but AZURE_TENANT_ID is " + tenant.String(),
		`{"appid":"client-2"}`:                                 "GRAPH_ACCESS_TOKEN: the token was issued to the app client-2, but AZURE_CLIENT_ID is client-1",
	} {
		_, err := graph.NewTokens(graph.CredentialConfig{Kind: graph.BroughtToken, Tenant: tenant, ClientID: "client-1", Token: graph.NewSecret(jwt(payload))})
		var noToken *graph.TokenError
		if errors.As(err, &noToken) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", payload, err, want)
		}
	}
}

// TestTokenInfo tells what a person may know, before and after a login.
func TestTokenInfo(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	a.grants(jwt(fmt.Sprintf(`{"tid":"%s","appid":"client-1","roles":["A.Read","B.Write"],"scp":"C D","upn":"ada@contoso.example","exp":%d}`, tenant, end.Unix())))
	config := configFor("https://graph.microsoft.com")
	config.Tokens = a.tokens(t)
	client := newClient(t, config)
	before := graph.TokenInfo{Kind: graph.ClientSecret, Tenant: tenant, App: "client-1"}
	if diff := cmp.Diff(client.Token(), before); diff != "" {
		t.Errorf("before (-got +want):\n%s", diff)
	}
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := before
	after.User, after.Expires, after.Roles, after.Scopes = "ada@contoso.example", end, []string{"A.Read", "B.Write"}, []string{"C", "D"}
	if diff := cmp.Diff(client.Token(), after); diff != "" {
		t.Errorf("after (-got +want):\n%s", diff)
	}
	brought := graph.TokenInfo{Kind: graph.BroughtToken, Tenant: tenant, App: "client-1", Scopes: []string{"C"}}
	if diff := cmp.Diff(graph.StaticToken(jwt(`{"tid":"`+tenant.String()+`","azp":"client-1","scp":"C"}`)).Info(), brought); diff != "" {
		t.Errorf("brought along (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(graph.StaticToken(token).Info(), graph.TokenInfo{Kind: graph.BroughtToken}, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("opaque (-got +want):\n%s", diff)
	}
}
