package graph

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

// capabilities declares that we understand claims challenges. Graph then refuses a token within minutes of its
// revocation, and grants longer ones.
var capabilities = []string{"CP1"}

// noClaims asks for nothing, but by asking bypasses MSAL's cache: whether a token is still good is decided here.
const noClaims = "{}"

func orNoClaims(claims string) string {
	if claims == "" {
		return noClaims
	}
	return claims
}

func (c CredentialConfig) secretLogin(facts *loginFacts) (login, error) {
	cred, err := confidential.NewCredFromSecret(c.Secret.Reveal())
	if err != nil {
		return nil, fmt.Errorf("AZURE_CLIENT_SECRET: %w", err)
	}
	return c.confidentialLogin(facts, cred)
}

func (c CredentialConfig) certificateLogin(facts *loginFacts, now time.Time) (login, error) {
	loaded, err := loadCertificate(c.CertificateFile, c.CertificatePassword, now)
	if err != nil {
		return nil, err
	}
	facts.thumbprint = loaded.thumbprint
	var options []confidential.Option
	if c.SendChain {
		options = append(options, confidential.WithX5C())
	}
	return c.confidentialLogin(facts, loaded.cred, options...)
}

// federatedLogin reads the file for each login, because whoever writes it replaces it every hour.
func (c CredentialConfig) federatedLogin(facts *loginFacts) (login, error) {
	return c.confidentialLogin(facts, confidential.NewCredFromAssertionCallback(
		func(context.Context, confidential.AssertionRequestOptions) (string, error) {
			token, err := os.ReadFile(c.FederatedTokenFile)
			if err == nil && len(strings.TrimSpace(string(token))) == 0 {
				err = fmt.Errorf("%s is empty", c.FederatedTokenFile)
			}
			if err != nil {
				return "", &localError{fmt.Errorf("AZURE_FEDERATED_TOKEN_FILE: %w", err)}
			}
			return strings.TrimSpace(string(token)), nil
		}))
}

// confidentialLogin is the login of an app that can keep a secret.
func (c CredentialConfig) confidentialLogin(facts *loginFacts, cred confidential.Credential, more ...confidential.Option) (login, error) {
	client := newLoginClient(c.CA)
	app, err := confidential.New(c.authority(), c.ClientID, cred, append(more,
		confidential.WithHTTPClient(client),
		confidential.WithClientCapabilities(capabilities),
		// The authority is configured, not discovered: asking Microsoft's public cloud about a national one would fail.
		confidential.WithInstanceDiscovery(false))...)
	if err != nil {
		return nil, fmt.Errorf("AZURE_AUTHORITY_HOST, AZURE_TENANT_ID, AZURE_CLIENT_ID: %w", err)
	}
	known := *facts
	return func(ctx context.Context, claims string) (grant, error) {
		defer client.CloseIdleConnections() // the next one is needed in an hour
		result, err := app.AcquireTokenByCredential(ctx, []string{c.appScope()}, confidential.WithClaims(orNoClaims(claims)))
		if err != nil {
			return grant{}, known.explain(ctx, err, time.Now())
		}
		return grant{text: NewSecret(result.AccessToken), expires: result.ExpiresOn}, nil
	}, nil
}

// managedLogin asks the machine's own endpoint, which keeps tokens itself. No proxy stands before that: it would answer
// with another machine's identity. The retries of MSAL are off, because they would not know when to stop.
func (c CredentialConfig) managedLogin(facts *loginFacts) (login, error) {
	client := newLoginClient(c.CA)
	if transport, ok := client.Transport.(loginTransport); ok {
		transport.Proxy = nil
	}
	id := managedidentity.SystemAssigned()
	if c.ClientID != "" {
		id = managedidentity.UserAssignedClientID(c.ClientID)
	}
	identity, err := managedidentity.New(id, managedidentity.WithHTTPClient(client), managedidentity.WithRetryPolicyDisabled())
	if err != nil {
		return nil, fmt.Errorf("managed identity: %w", err)
	}
	known := *facts
	known.secrets = append(known.secrets, NewSecret(os.Getenv("IDENTITY_HEADER")), NewSecret(os.Getenv("MSI_SECRET")))
	return func(ctx context.Context, claims string) (grant, error) {
		defer client.CloseIdleConnections()
		result, err := identity.AcquireToken(ctx, c.appScope(), managedidentity.WithClaims(orNoClaims(claims)))
		if err != nil {
			return grant{}, known.explainManaged(ctx, err)
		}
		return grant{text: NewSecret(result.AccessToken), expires: result.ExpiresOn}, nil
	}, nil
}

// explainManaged adds what an endpoint on the machine itself cannot know of.
func (f loginFacts) explainManaged(ctx context.Context, err error) error {
	explained := f.explain(ctx, err, time.Now())
	problem, ok := errors.AsType[*loginError](explained)
	if !ok || ctx.Err() != nil {
		return explained
	}
	problem.text = andThen("managed identity: "+problem.text,
		"Check that this machine has one, and that AZURE_CLIENT_ID names it, or is not set for the system-assigned one.")
	return problem
}
