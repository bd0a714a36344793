package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

func TestResolveTenant(t *testing.T) {
	t.Parallel()
	config := newAuthority(t).credentials()
	got, err := graph.ResolveTenant(t.Context(), config.Cloud, config.CA, "contoso.example")
	if err != nil || got != tenant {
		t.Errorf("got %s, %v", got, err)
	}
	for domain, want := range map[string]string{
		"fabrikam.example":                    "AZURE_TENANT_ID: which tenant is fabrikam.example? the login service answered 400: invalid_tenant: AADSTS90002: Tenant 'fabrikam.example' not found.",
		"common":                              `AZURE_TENANT_ID: "common" is neither a GUID nor a domain`,
		"":                                    "is neither a GUID nor a domain",
		"a/b.example":                         "is neither a GUID nor a domain",
		"..":                                  "is neither a GUID nor a domain",
		"a.example?x":                         "is neither a GUID nor a domain",
		strings.Repeat("a.", 127) + "example": "is neither a GUID nor a domain",
	} {
		if got, err := graph.ResolveTenant(t.Context(), config.Cloud, config.CA, domain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want %s", domain, got, err, want)
		}
	}
	for body, want := range map[string]string{
		`{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0"}`: "does not tell the GUID of contoso.example",
		`{"issuer":"%zz"}`: "does not tell the GUID",
		`{}`:               "does not tell the GUID",
		`<html>`:           "is not the JSON it should be",
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		defer server.Close() //nolint:gocritic // four of them, at the end of the test
		if _, err := graph.ResolveTenant(t.Context(), graph.Cloud{Authority: server.URL}, trusting(server), "contoso.example"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func TestLoadCA(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	config := a.credentials()
	var err error
	if config.CA, err = graph.LoadCA(writeFile(t, pemOf("CERTIFICATE", a.server.Certificate().Raw))); err != nil {
		t.Fatal(err)
	}
	checkToken(t, newTokens(t, config), issuedToken) // the login service

	sim := httptest.NewTLSServer(http.NotFoundHandler())
	defer sim.Close()
	forGraph := configFor(sim.URL)
	if forGraph.CA, err = graph.LoadCA(writeFile(t, pemOf("CERTIFICATE", sim.Certificate().Raw))); err != nil {
		t.Fatal(err)
	}
	if x := patch(t, newClient(t, forGraph)); x.Status != http.StatusNotFound { // and Graph
		t.Errorf("got %d, %v", x.Status, x.Err)
	}

	for name, text := range map[string]string{
		"holds no certificate in PEM": "hello", "certificate 1: x509: ": string(pemOf("CERTIFICATE", []byte("x"))),
	} {
		file := writeFile(t, []byte(text))
		if _, err := graph.LoadCA(file); err == nil || !strings.HasPrefix(err.Error(), "GRAPH_CA_FILE: "+file) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	if _, err := graph.LoadCA("/nowhere"); err == nil || !strings.Contains(err.Error(), "/nowhere: no such file") {
		t.Errorf("got %v", err)
	}
}
