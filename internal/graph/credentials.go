package graph

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// CredentialConfig says how to get tokens for one tenant and app. What the kind does not need is ignored.
type CredentialConfig struct {
	Kind     Kind
	Tenant   uuid.UUID
	ClientID string // of the app; of the identity for a user-assigned managed one, empty for the system-assigned
	Cloud    Cloud  // whose login service is asked, for tokens for its Graph
	CA       *x509.CertPool

	Token               Secret // BroughtToken
	Secret              Secret // ClientSecret
	CertificateFile     string // ClientCertificate: PEM or PFX
	CertificatePassword Secret // of a PFX
	SendChain           bool   // for apps that trust an issuer and a subject instead of single certificates
	FederatedTokenFile  string // WorkloadIdentity: read anew for each login
	CacheFile           string // DeviceCode: what "worker login" wrote
}

// CredentialsFromEnv fills in what the environment says, in the variables of Azure's SDKs. It reads no file.
func CredentialsFromEnv(env func(name string) string, config CredentialConfig) CredentialConfig {
	config.ClientID = env("AZURE_CLIENT_ID")
	config.Token = NewSecret(env("GRAPH_ACCESS_TOKEN"))
	config.Secret = NewSecret(env("AZURE_CLIENT_SECRET"))
	config.CertificateFile = env("AZURE_CLIENT_CERTIFICATE_PATH")
	config.CertificatePassword = NewSecret(env("AZURE_CLIENT_CERTIFICATE_PASSWORD"))
	chain := strings.ToLower(env("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"))
	config.SendChain = chain == "1" || chain == "true"
	config.FederatedTokenFile = env("AZURE_FEDERATED_TOKEN_FILE")
	return config
}

// NewTokens returns the source of tokens for these credentials. It makes no request; the error says which variable is
// wrong, and how.
func NewTokens(config CredentialConfig) (TokenSource, error) {
	if config.Kind == BroughtToken {
		return newStaticTokens(config)
	}
	if err := checkAuthority(config.Cloud.Authority); err != nil {
		return nil, err
	}
	facts := config.facts()
	login, err := config.newLogin(&facts)
	if err != nil {
		return nil, err
	}
	return newTokens(TokenInfo{Kind: config.Kind, Tenant: config.Tenant, App: config.ClientID}, login), nil
}

func newStaticTokens(config CredentialConfig) (TokenSource, error) {
	token := staticToken{text: config.Token, claims: readToken(config.Token.Reveal())}
	if err := errors.Join(token.check(), token.checkFor(config.Tenant, config.ClientID)); err != nil {
		return nil, err
	}
	return token, nil
}

// newLogin returns the login of the kind. What it learns that helps to explain a refusal goes into facts.
func (c CredentialConfig) newLogin(facts *loginFacts) (login, error) {
	switch c.Kind {
	case ClientSecret:
		return c.secretLogin(facts)
	case ClientCertificate:
		return c.certificateLogin(facts, time.Now())
	case WorkloadIdentity:
		return c.federatedLogin(facts)
	case ManagedIdentity:
		return c.managedLogin(facts)
	case DeviceCode:
		return c.deviceLogin(facts)
	case BroughtToken:
	}
	return nil, fmt.Errorf("%q is no kind of credentials", c.Kind)
}

func (c CredentialConfig) facts() loginFacts {
	return loginFacts{
		kind: c.Kind, tenant: c.Tenant.String(), app: c.ClientID, authority: c.authorityHost(), scope: c.appScope(),
		secrets: []Secret{c.Secret, c.CertificatePassword},
	}
}

// appScope asks for whatever an administrator has granted to the app.
func (c CredentialConfig) appScope() string {
	return strings.TrimRight(c.Cloud.Root, "/") + "/.default"
}

// authority is the login service with the tenant in it.
func (c CredentialConfig) authority() string { return c.authorityHost() + "/" + c.Tenant.String() }

func (c CredentialConfig) authorityHost() string { return strings.TrimRight(c.Cloud.Authority, "/") }

// checkAuthority checks the login service that secrets are sent to. It is not shown where it may hold a password.
func checkAuthority(s string) error {
	const right = "write it like https://login.microsoftonline.com"
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "https":
		return errors.New("AZURE_AUTHORITY_HOST is no https URL: " + right)
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "", strings.Trim(u.Path, "/") != "":
		return errors.New("AZURE_AUTHORITY_HOST has more than scheme and host: " + right)
	}
	return nil
}

// newLoginClient is a client for the login service: encrypted by the same rules as Graph's, by way of the same proxy.
func newLoginClient(ca *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: loginTransport{newTransport(2, ca)},
		Timeout:   loginTime,
		// The secret would go along, to a place nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxLogin is how much of an answer of the login service is read, because MSAL would read all of it. One with a token takes
// a few KiB, the keys in a discovery document a few more.
const maxLogin = 1 << 20

// loginTransport cuts answers off that are too long; what is left of one is no JSON, and MSAL says so.
type loginTransport struct{ *http.Transport }

func (t loginTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxLogin), resp.Body}
	}
	return resp, err
}
