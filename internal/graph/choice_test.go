package graph_test

import (
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

func TestChooseKind(t *testing.T) {
	t.Parallel()
	const (
		both     = "AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH are both set: leave one out"
		password = "AZURE_CLIENT_CERTIFICATE_PASSWORD is set, but no AZURE_CLIENT_CERTIFICATE_PATH that it belongs to"
		nothing  = "no credentials for Graph: set one of\n"
		unknown  = "is not known here: use EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential, DeviceCodeCredential or prod, or leave it out"
	)
	for name, test := range map[string]struct {
		env      string // NAME=value, by spaces
		loggedIn bool
		kind     graph.Kind // "" for an error
		err      string
	}{
		"a token":                   {"GRAPH_ACCESS_TOKEN=t", false, graph.BroughtToken, ""},
		"a token wins":              {"GRAPH_ACCESS_TOKEN=t AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PATH=c AZURE_TOKEN_CREDENTIALS=x", true, graph.BroughtToken, ""},
		"a secret":                  {"AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s", false, graph.ClientSecret, ""},
		"a secret before the rest":  {"AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s AZURE_FEDERATED_TOKEN_FILE=f IDENTITY_ENDPOINT=e IDENTITY_HEADER=h", true, graph.ClientSecret, ""},
		"a certificate":             {"AZURE_CLIENT_ID=a AZURE_CLIENT_CERTIFICATE_PATH=c AZURE_CLIENT_CERTIFICATE_PASSWORD=p", false, graph.ClientCertificate, ""},
		"workload identity":         {"AZURE_CLIENT_ID=a AZURE_FEDERATED_TOKEN_FILE=f IDENTITY_ENDPOINT=e IDENTITY_HEADER=h", true, graph.WorkloadIdentity, ""},
		"App Service":               {"IDENTITY_ENDPOINT=e IDENTITY_HEADER=h", true, graph.ManagedIdentity, ""},
		"Azure Arc":                 {"IDENTITY_ENDPOINT=e IMDS_ENDPOINT=i AZURE_CLIENT_ID=a", false, graph.ManagedIdentity, ""},
		"Cloud Shell":               {"MSI_ENDPOINT=e", false, graph.ManagedIdentity, ""},
		"a virtual machine":         {"AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", false, graph.ManagedIdentity, ""},
		"a login":                   {"AZURE_CLIENT_ID=a", true, graph.DeviceCode, ""},
		"chosen: workload identity": {"AZURE_TOKEN_CREDENTIALS=workloadidentitycredential AZURE_CLIENT_ID=a AZURE_FEDERATED_TOKEN_FILE=f AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PATH=c", false, graph.WorkloadIdentity, ""},
		"chosen: the app's own":     {"AZURE_TOKEN_CREDENTIALS=EnvironmentCredential AZURE_CLIENT_ID=a AZURE_CLIENT_CERTIFICATE_PATH=c IDENTITY_ENDPOINT=e", false, graph.ClientCertificate, ""},
		"chosen: prod":              {"AZURE_TOKEN_CREDENTIALS=prod IDENTITY_ENDPOINT=e IDENTITY_HEADER=h", true, graph.ManagedIdentity, ""},
		"chosen: a login":           {"AZURE_TOKEN_CREDENTIALS=DeviceCodeCredential AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s", true, graph.DeviceCode, ""},

		"nothing":                      {"", false, "", nothing},
		"an app alone":                 {"AZURE_CLIENT_ID=a", false, "", nothing},
		"a secret of no app":           {"AZURE_CLIENT_SECRET=s", false, "", "AZURE_CLIENT_ID is not set: a client secret needs it"},
		"a certificate of no app":      {"AZURE_CLIENT_CERTIFICATE_PATH=c", false, "", "AZURE_CLIENT_ID is not set: a client certificate needs it"},
		"a federated token of no app":  {"AZURE_FEDERATED_TOKEN_FILE=f", false, "", "AZURE_CLIENT_ID is not set: a workload identity needs it"},
		"two proofs":                   {"AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PATH=c", false, "", both},
		"two proofs of no app":         {"AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PATH=c", false, "", both + "\nAZURE_CLIENT_ID is not set: a client secret needs it"},
		"a password for nothing":       {"AZURE_CLIENT_ID=a AZURE_CLIENT_CERTIFICATE_PASSWORD=p", true, "", password},
		"a password beside a secret":   {"AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PASSWORD=p", false, "", password + "\nAZURE_CLIENT_ID is not set: a client secret needs it"},
		"half of App Service":          {"IDENTITY_ENDPOINT=e", false, "", "IDENTITY_ENDPOINT is set, but neither IDENTITY_HEADER (App Service) nor IMDS_ENDPOINT (Azure Arc)"},
		"chosen: unknown":              {"AZURE_TOKEN_CREDENTIALS=AzureCLICredential", true, "", `AZURE_TOKEN_CREDENTIALS: "AzureCLICredential" ` + unknown},
		"chosen, but nothing of it":    {"AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential", false, "", "AZURE_CLIENT_ID is not set: a workload identity needs it\nAZURE_FEDERATED_TOKEN_FILE is not set: a workload identity needs it"},
		"chosen, and nothing to take":  {"AZURE_TOKEN_CREDENTIALS=EnvironmentCredential IDENTITY_ENDPOINT=e", true, "", "AZURE_TOKEN_CREDENTIALS is EnvironmentCredential, but nothing is set that it allows: " + nothing},
		"chosen: a login nobody made":  {"AZURE_TOKEN_CREDENTIALS=DeviceCodeCredential", false, "", "AZURE_CLIENT_ID is not set: a device code needs it\nnobody has logged in for this tenant and app: run \"worker login\""},
		"chosen: prod, but two proofs": {"AZURE_TOKEN_CREDENTIALS=prod AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PATH=c", false, "", both},
	} {
		got, err := graph.ChooseKind(environment(test.env), test.loggedIn)
		if test.err == "" && (err != nil || got != test.kind) || test.err != "" && (err == nil || !strings.HasPrefix(err.Error(), test.err)) {
			t.Errorf("%s: got %q, %v, want %q %s", name, got, err, test.kind, test.err)
		}
	}
}

// environment is a look-up in settings written as NAME=value, separated by spaces.
func environment(settings string) func(string) string {
	values := map[string]string{}
	for setting := range strings.FieldsSeq(settings) {
		name, value, _ := strings.Cut(setting, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func TestCredentialsFromEnv(t *testing.T) {
	t.Parallel()
	got := graph.CredentialsFromEnv(environment("AZURE_CLIENT_ID=a AZURE_CLIENT_SECRET=s AZURE_CLIENT_CERTIFICATE_PATH=c AZURE_CLIENT_CERTIFICATE_PASSWORD=p "+
		"AZURE_FEDERATED_TOKEN_FILE=f GRAPH_ACCESS_TOKEN=t"), graph.CredentialConfig{Tenant: tenant})
	texts := []string{got.Tenant.String(), got.ClientID, got.Secret.Reveal(), got.CertificateFile, got.CertificatePassword.Reveal(), got.FederatedTokenFile, got.Token.Reveal()}
	if got, want := strings.Join(texts, " "), tenant.String()+" a s c p f t"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for text, want := range map[string]bool{"1": true, "true": true, "TRUE": true, "": false, "0": false, "false": false, "yes": false} {
		got := graph.CredentialsFromEnv(environment("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN="+text), graph.CredentialConfig{})
		if got.SendChain != want {
			t.Errorf("%q: got %v", text, got.SendChain)
		}
	}
}
