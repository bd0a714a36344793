package entra

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"
)

// The grants that are understood.
const (
	grantApp     = "client_credentials"
	grantRefresh = "refresh_token"
	grantDevice  = "device_code"
)

// longDevice is the device grant's full name; MSAL sends the short one.
const longDevice = "urn:ietf:params:oauth:grant-type:device_code"

// tokenAnswer is a token given out. Only users have the last four.
type tokenAnswer struct {
	Type         string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	ExtExpiresIn int    `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
	Scope        string `json:"scope,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

// token answers the token endpoint. The order is Entra's: where, who, what.
func (x *exchange) token() (any, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	switch x.logged.Grant {
	case grantApp:
		return x.forApp()
	case grantDevice, longDevice:
		return x.forDevice()
	case grantRefresh:
		return x.forRefresh()
	}
	return nil, badGrant.about(x.logged.Grant)
}

// enter checks tenant, app and what proves the app, which a user's grant need
// not have.
func (x *exchange) enter() error {
	anyTenant := isAnyTenant(x.logged.Tenant) && x.logged.Grant != grantApp
	switch {
	case !x.service.isTenant(x.logged.Tenant) && !anyTenant:
		return unknownTenant.about(x.logged.Tenant)
	case !strings.EqualFold(x.logged.ClientID, x.service.config.App):
		return unknownApp.about(x.logged.ClientID)
	case x.logged.Claims != "" && !json.Valid([]byte(x.logged.Claims)):
		return badRequest.about("The parameter 'claims' is not valid JSON.")
	}
	return x.proveApp()
}

func (x *exchange) proveApp() error {
	secret, assertion := x.form.Get("client_secret"), x.form.Get("client_assertion")
	switch {
	case secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(x.service.state.secret)) == 0:
		return wrongSecret.about(x.service.config.App)
	case assertion != "":
		return x.proveByAssertion(assertion)
	case secret == "" && x.logged.Grant == grantApp:
		return noCredential
	}
	return nil
}

func (x *exchange) proveByAssertion(text string) error {
	a, err := parseAssertion(text)
	if err == nil && strings.EqualFold(a.issuer, x.logged.ClientID) {
		base := "https://" + x.logged.Host + "/" + x.logged.Tenant
		issuer := "https://" + x.logged.Host + "/" + x.service.config.Tenant
		return a.verify(x.service.config.Certs, x.service.config.App, []string{base + "/oauth2/v2.0/token", base + "/v2.0", issuer + "/v2.0"}, x.at)
	}
	switch {
	case slices.Contains(x.known, strings.TrimSpace(text)):
		return nil
	case err != nil:
		return malformed
	}
	return unknownFederation.about(a.issuer, a.subject, a.audience)
}

// readFederated reads the files anew each time, because such tokens are replaced
// while everybody runs. A file that is not there accepts nothing.
func readFederated(files []string) []string {
	var tokens []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if token := strings.TrimSpace(string(text)); err == nil && token != "" {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

func (x *exchange) forApp() (any, error) {
	asked, ok := parseScope(x.logged.Scope)
	if !ok || !asked.isDefault() {
		return nil, badScope.about(x.logged.Scope)
	}
	if !knows(x.host, asked.audience) {
		return nil, unknownResource.about(asked.audience)
	}
	return x.grant(Token{Audience: asked.audience, Permissions: x.service.state.roles}), nil
}

// grant gives out a token and says how long it is good for, truly or not.
func (x *exchange) grant(t Token) tokenAnswer {
	c := x.service.config
	t.Tenant, t.App, t.Claims = c.Tenant, c.App, x.logged.Claims
	t.Issued, t.Expires = x.at, x.at.Add(c.Lifetime)
	raw, issued := x.service.state.issue(t, x.service.key)
	x.logged.TokenID = issued.ID
	says := int(c.Says / time.Second)
	return tokenAnswer{Type: "Bearer", ExpiresIn: says, ExtExpiresIn: says, AccessToken: raw}
}

// refresh is what a refresh token stands for. It may be used again and again, as
// Entra's may.
type refresh struct {
	scope  scope
	issued time.Time
}

func (x *exchange) forRefresh() (any, error) {
	s := x.service.state
	found, ok := s.refreshes[sha256.Sum256([]byte(x.form.Get("refresh_token")))]
	if !ok || !found.issued.After(s.revoked) {
		return nil, deadRefresh
	}
	asked := found.scope
	if again, ok := parseScope(x.logged.Scope); ok {
		asked = again
	}
	return x.forUser(asked)
}

// forUser gives out what a user's client gets: the token, one to renew it with,
// and who the user is.
func (x *exchange) forUser(asked scope) (any, error) {
	c, s := x.service.config, x.service.state
	granted := asked.granted(s.roles)
	if len(granted) == 0 {
		return nil, noConsent.about(c.App)
	}
	out := x.grant(Token{Audience: asked.audience, Permissions: granted, Delegated: true})
	out.Scope = asked.wire(granted)
	out.RefreshToken = "0.simulated." + rand.Text()
	s.refreshes[sha256.Sum256([]byte(out.RefreshToken))] = &refresh{scope: asked, issued: s.lastIssued}
	out.ClientInfo = encode(mustMarshal(map[string]string{"uid": userID, "utid": c.Tenant}))
	out.IDToken = sign(x.service.key, map[string]any{
		"aud": c.App, "iss": "https://" + x.logged.Host + "/" + c.Tenant + "/v2.0", "tid": c.Tenant, "oid": userID, "sub": userID,
		"iat": x.at.Unix(), "nbf": x.at.Unix(), "exp": x.at.Add(c.Says).Unix(),
		"preferred_username": userName, "name": "Simulated User", "ver": "2.0",
	})
	return out, nil
}
