package graph_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

// TestWorkloadIdentity tells that the file is read anew for each login, because it is replaced every hour.
func TestWorkloadIdentity(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	config := a.credentials()
	config.Kind, config.FederatedTokenFile = graph.WorkloadIdentity, writeFile(t, []byte("assertion-1\n"))
	tokens := newTokens(t, config)
	checkToken(t, tokens, issuedToken)
	a.checkForm(t, map[string]string{"client_assertion": "assertion-1", "client_secret": ""})
	if err := os.WriteFile(config.FederatedTokenFile, []byte("assertion-2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Renew(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	a.checkForm(t, map[string]string{"client_assertion": "assertion-2"})

	for name, spoil := range map[string]func(string) error{
		"no such file": os.Remove,
		"is empty":     func(file string) error { return os.WriteFile(file, []byte(" \n"), 0o600) },
	} {
		if err := spoil(config.FederatedTokenFile); err != nil {
			t.Fatal(err)
		}
		_, err := newTokens(t, config).Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), "AZURE_FEDERATED_TOKEN_FILE: ") || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// TestManagedIdentity asks the endpoint of App Service, which is found by the environment.
func TestManagedIdentity(t *testing.T) {
	answer := func(w http.ResponseWriter) {
		writeJSON(w, map[string]any{"access_token": issuedToken, "expires_in": "3599", "resource": "https://graph.microsoft.com", "token_type": "Bearer"})
	}
	var asked http.Request
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = *r
		if r.Header.Get("X-Identity-Header") == "" {
			panic("the platform's header is missing")
		}
		answer(w)
	})
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "identity-header-4716")
	for client, want := range map[string]string{"": "", "client-1": "client-1"} {
		config := newCredentials(graph.ManagedIdentity)
		config.ClientID = client
		tokens := newTokens(t, config)
		checkToken(t, tokens, issuedToken)
		if query := asked.URL.Query(); query.Get("resource") != "https://graph.microsoft.com" || query.Get("client_id") != want {
			t.Errorf("%q: asked %s", client, asked.URL)
		}
	}
	answer = func(w http.ResponseWriter) {
		http.Error(w, "no identity here, identity-header-4716", http.StatusBadRequest)
	}
	_, err := newTokens(t, newCredentials(graph.ManagedIdentity)).Token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "managed identity: the login service answered 400: no identity here, ***. Check that this machine has one") {
		t.Errorf("got %v", err)
	}
}
