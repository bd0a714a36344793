package graph

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// domainName is what a tenant may be called by: at least two labels, so that common and organizations, which stand for
// any tenant, are none.
var domainName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$`)

// maxDiscovery is how much of a login service's description of a tenant is read; Microsoft's takes 2 KiB.
const maxDiscovery = 64 << 10

// ResolveTenant finds the id of a tenant by one of its domains. It asks the cloud's login service, without credentials.
func ResolveTenant(ctx context.Context, cloud Cloud, ca *x509.CertPool, domain string) (uuid.UUID, error) {
	const guid = "the Entra admin center shows the GUID as Tenant ID"
	if !domainName.MatchString(domain) || len(domain) > 253 {
		return uuid.Nil, fmt.Errorf("AZURE_TENANT_ID: %q is neither a GUID nor a domain: %s", domain, guid)
	}
	if err := checkAuthority(cloud.Authority); err != nil {
		return uuid.Nil, err
	}
	issuer, err := discoverIssuer(ctx, cloud, ca, domain)
	if err != nil {
		return uuid.Nil, fmt.Errorf("AZURE_TENANT_ID: which tenant is %s? %w", domain, err)
	}
	if u, err := url.Parse(issuer); err == nil {
		first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if id, err := uuid.Parse(first); err == nil && len(first) == 36 {
			return id, nil
		}
	}
	return uuid.Nil, fmt.Errorf("AZURE_TENANT_ID: the login service does not tell the GUID of %s: %s", domain, guid)
}

func discoverIssuer(ctx context.Context, cloud Cloud, ca *x509.CertPool, domain string) (string, error) {
	client := newLoginClient(ca)
	defer client.CloseIdleConnections()
	facts := loginFacts{tenant: domain, authority: strings.TrimRight(cloud.Authority, "/")}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, facts.authority+"/"+domain+"/v2.0/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", facts.explain(ctx, err, time.Now())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDiscovery))
	if err != nil {
		return "", facts.explain(ctx, err, time.Now())
	}
	if resp.StatusCode != http.StatusOK {
		return "", facts.explainAnswer(resp, string(body), time.Now())
	}
	var description struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(body, &description); err != nil {
		return "", &loginError{text: "the login service's answer is not the JSON it should be"}
	}
	return description.Issuer, nil
}
