package entra

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// openIDConfiguration is what a client learns the endpoints from.
type openIDConfiguration struct {
	Issuer        string   `json:"issuer"`
	Token         string   `json:"token_endpoint"`
	DeviceCode    string   `json:"device_authorization_endpoint"`
	Authorization string   `json:"authorization_endpoint"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
}

// discover names the endpoints under the host by which it was asked, because
// clients insist that the issuer is where they asked.
func (s *Service) discover(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	tenant := r.PathValue("tenant")
	err := s.mayDiscover(tenant)
	if refused, ok := errors.AsType[refusal](err); ok {
		refused.write(w, correlation(r), now)
		return
	}
	base := "https://" + r.Host + "/" + tenant
	writeJSON(w, http.StatusOK, openIDConfiguration{
		Issuer: "https://" + r.Host + "/" + s.issuerTenant(tenant) + "/v2.0",
		Token:  base + "/oauth2/v2.0/token", DeviceCode: base + "/oauth2/v2.0/devicecode", Authorization: base + "/oauth2/v2.0/authorize",
		Methods: []string{"client_secret_post", "private_key_jwt"},
	})
}

func (s *Service) mayDiscover(tenant string) error {
	s.mu.Lock()
	kind, hit := s.state.meet(discovery)
	s.mu.Unlock()
	if hit {
		return kind.refusal
	}
	if !s.isTenant(tenant) && !isAnyTenant(tenant) {
		return unknownTenant.about(tenant)
	}
	return nil
}

// issuerTenant is the tenant's GUID; where any tenant may log in, Entra leaves a
// gap to be filled in.
func (s *Service) issuerTenant(tenant string) string {
	if isAnyTenant(tenant) {
		return "{tenantid}"
	}
	return s.config.Tenant
}

func (s *Service) isTenant(name string) bool {
	return strings.EqualFold(name, s.config.Tenant) || strings.EqualFold(name, Domain)
}

// isAnyTenant tells the names under which users of every tenant log in.
func isAnyTenant(name string) bool { return name == "common" || name == "organizations" }

// discoverInstance vouches for whatever host a client wants to log in at.
func (s *Service) discoverInstance(w http.ResponseWriter, r *http.Request) {
	endpoint, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	tenant, _, _ := strings.Cut(strings.TrimPrefix(cmp.Or(endpoint, &url.URL{}).Path, "/"), "/")
	if err != nil || endpoint.Host == "" || tenant == "" {
		badRequest.about("The parameter 'authorization_endpoint' is missing or not valid.").write(w, correlation(r), s.now())
		return
	}
	type instance struct {
		Network string   `json:"preferred_network"`
		Cache   string   `json:"preferred_cache"`
		Aliases []string `json:"aliases"`
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + endpoint.Host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []instance{{endpoint.Host, endpoint.Host, []string{endpoint.Host}}},
	})
}

// correlation is the id by which client and service speak of a request.
func correlation(r *http.Request) string {
	return cmp.Or(r.Header.Get("client-request-id"), r.Header.Get("x-ms-client-request-id"), uuid.NewString())
}
