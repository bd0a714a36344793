package graph

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is a way to get a token.
type Kind string

// The kinds, in the order in which they are chosen.
const (
	BroughtToken      Kind = "token brought along"
	ClientSecret      Kind = "client secret"
	ClientCertificate Kind = "client certificate"
	WorkloadIdentity  Kind = "workload identity"
	ManagedIdentity   Kind = "managed identity"
	DeviceCode        Kind = "device code"
)

// explicit are the values of AZURE_TOKEN_CREDENTIALS, in lower case as everywhere in Azure's SDKs, with the kinds that
// each one leaves to choose from. The last is ours.
var explicit = map[string][]Kind{
	"":                           {ClientSecret, ClientCertificate, WorkloadIdentity, ManagedIdentity, DeviceCode},
	"prod":                       {ClientSecret, ClientCertificate, WorkloadIdentity, ManagedIdentity},
	"environmentcredential":      {ClientSecret, ClientCertificate},
	"workloadidentitycredential": {WorkloadIdentity},
	"managedidentitycredential":  {ManagedIdentity},
	"devicecodecredential":       {DeviceCode},
}

const explicitNames = "EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential, DeviceCodeCredential or prod"

// possibilities is what a person without credentials is told.
const possibilities = `no credentials for Graph: set one of
  AZURE_CLIENT_ID and AZURE_CLIENT_SECRET             an app with a client secret
  AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH   an app with a certificate
  AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE      an app with a federated credential (workload identity)
  AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential   a managed identity of this machine in Azure
  GRAPH_ACCESS_TOKEN                                  a token brought along
or log in as a user: worker login --client-id GUID`

// ChooseKind decides by the environment how to get a token. loggedIn says that "worker login" has left a login for this
// tenant and app. The error names every variable that is missing or contradicts another.
func ChooseKind(env func(name string) string, loggedIn bool) (Kind, error) {
	if env("GRAPH_ACCESS_TOKEN") != "" {
		return BroughtToken, nil
	}
	allowed, known := explicit[strings.ToLower(env("AZURE_TOKEN_CREDENTIALS"))]
	if !known {
		return "", fmt.Errorf("AZURE_TOKEN_CREDENTIALS: %q is not known here: use %s, or leave it out", env("AZURE_TOKEN_CREDENTIALS"), explicitNames)
	}
	named := env("AZURE_TOKEN_CREDENTIALS") != ""
	for _, kind := range allowed {
		if chosen := kind.told(env, loggedIn) || named && len(allowed) == 1; chosen {
			return kind, errors.Join(contradictions(env, allowed), kind.missing(env, loggedIn))
		}
	}
	if err := contradictions(env, allowed); err != nil {
		return "", err
	}
	if named {
		return "", fmt.Errorf("AZURE_TOKEN_CREDENTIALS is %s, but nothing is set that it allows: %w", env("AZURE_TOKEN_CREDENTIALS"), errors.New(possibilities))
	}
	return "", errors.New(possibilities)
}

// told reports whether the environment shows that this kind is meant.
func (k Kind) told(env func(string) string, loggedIn bool) bool {
	switch k {
	case ClientSecret:
		return env("AZURE_CLIENT_SECRET") != ""
	case ClientCertificate:
		return env("AZURE_CLIENT_CERTIFICATE_PATH") != ""
	case WorkloadIdentity:
		return env("AZURE_FEDERATED_TOKEN_FILE") != ""
	case ManagedIdentity:
		return env("IDENTITY_ENDPOINT") != "" || env("MSI_ENDPOINT") != ""
	case DeviceCode:
		return loggedIn
	case BroughtToken:
	}
	return false
}

// needs are the variables without which a kind cannot work.
var needs = map[Kind][]string{
	ClientSecret:      {"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"},
	ClientCertificate: {"AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH"},
	WorkloadIdentity:  {"AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"},
	DeviceCode:        {"AZURE_CLIENT_ID"},
}

// missing names what the kind needs besides what is set.
func (k Kind) missing(env func(string) string, loggedIn bool) error {
	var faults []error
	for _, name := range needs[k] {
		if env(name) == "" {
			faults = append(faults, fmt.Errorf("%s is not set: a %s needs it", name, k))
		}
	}
	switch {
	case k == DeviceCode && !loggedIn:
		faults = append(faults, errors.New(`nobody has logged in for this tenant and app: run "worker login"`))
	case k == ManagedIdentity && env("IDENTITY_ENDPOINT") != "" && env("IDENTITY_HEADER") == "" && env("IMDS_ENDPOINT") == "":
		faults = append(faults, errors.New("IDENTITY_ENDPOINT is set, but neither IDENTITY_HEADER (App Service) nor IMDS_ENDPOINT (Azure Arc): the platform sets them together"))
	}
	return errors.Join(faults...)
}

// contradictions are settings of an app's own credentials that cannot be meant together. They only count where such
// credentials are to choose from.
func contradictions(env func(string) string, allowed []Kind) error {
	if len(allowed) == 1 {
		return nil
	}
	var faults []error
	if env("AZURE_CLIENT_SECRET") != "" && env("AZURE_CLIENT_CERTIFICATE_PATH") != "" {
		faults = append(faults, errors.New("AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH are both set: leave one out"))
	}
	if env("AZURE_CLIENT_CERTIFICATE_PASSWORD") != "" && env("AZURE_CLIENT_CERTIFICATE_PATH") == "" {
		faults = append(faults, errors.New("AZURE_CLIENT_CERTIFICATE_PASSWORD is set, but no AZURE_CLIENT_CERTIFICATE_PATH that it belongs to"))
	}
	return errors.Join(faults...)
}
