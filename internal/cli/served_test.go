package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

// servedBy reads the entries of a file, with a secret in secret.txt beside it.
func servedBy(t *testing.T, entries string) ([]Served, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"tenants.yaml": "tenants:\n" + entries, "secret.txt": "hidden-4711\r\n", "empty.txt": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ConfigFile{ConfigPath: filepath.Join(dir, "tenants.yaml")}.Served(Graph{})
}

// TestEachCredentialOfAFile tells what each one logs in with, whatever the environment holds for a single tenant.
func TestEachCredentialOfAFile(t *testing.T) {
	for credential, want := range map[string]struct {
		kind graph.Kind
		err  string
	}{
		"{secret: {env: MINE}}":                      {kind: graph.ClientSecret},
		"{secret: {file: secret.txt}}":               {kind: graph.ClientSecret},
		"{token: {file: secret.txt}}":                {kind: graph.BroughtToken},
		"{federated-token: {file: secret.txt}}":      {kind: graph.WorkloadIdentity},
		"{managed-identity: true}":                   {kind: graph.ManagedIdentity},
		"{device-code: true}":                        {err: `run "worker login"`},
		"{certificate: {file: nowhere.pem}}":         {err: "nowhere.pem"},
		"{secret: {env: NOWHERE}}":                   {err: "the variable NOWHERE, named in "},
		"{secret: {file: nowhere.txt}}":              {err: "nowhere.txt: no such file"},
		"{token: {file: empty.txt}}":                 {err: "empty.txt is empty"},
		"{secret: {env: MINE}, token: {env: TOKEN}}": {err: "leave all out but one"},
	} {
		t.Run(credential, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("MINE", "hidden-4711")
			t.Setenv("AZURE_CLIENT_SECRET", "another")
			t.Setenv("AZURE_CLIENT_CERTIFICATE_PATH", "another")
			served, err := servedBy(t, "  - {name: contoso, tenant: "+mine+", app: a, credential: "+credential+"}\n")
			var all Serving
			if err == nil {
				all, err = ConnectAll(t.Context(), served)
			}
			if err != nil {
				if want.err == "" || !strings.Contains(err.Error(), want.err) || strings.Contains(err.Error(), "hidden-4711") {
					t.Errorf("got %v, want %s", err, want.err)
				}
				return
			}
			defer all.Close()
			if got := all[0].Client.Token().Kind; got != want.kind || want.err != "" {
				t.Errorf("got %s, want %s%s", got, want.kind, want.err)
			}
		})
	}
}

// TestOneAppTwice tells of two names for one tenant, which only the login service shows.
func TestOneAppTwice(t *testing.T) {
	clearEnv(t)
	authority, ca := loginService(t)
	served, err := servedBy(t, "  - {name: contoso, tenant: "+mine+", credential: {token: {file: secret.txt}}}\n"+
		"  - {name: twin, tenant: contoso.example, authority-host: "+authority+", ca-file: "+ca+", credential: {token: {file: secret.txt}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if id, err := served[1].ID(t.Context()); err != nil || id != uuid.MustParse(mine) {
		t.Fatal(id, err)
	}
	if _, err := ConnectAll(t.Context(), served); err == nil || !strings.Contains(err.Error(), "tenants.yaml:3: tenant twin: its tenant and app are those of contoso: leave one of the two out") {
		t.Errorf("got %v", err)
	}
}
