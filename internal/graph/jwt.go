package graph

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// tokenClaims are what a token says of itself. Nothing is verified: that is Graph's part.
type tokenClaims struct {
	Tenant  string   `json:"tid"`
	AppV1   string   `json:"appid"`
	AppV2   string   `json:"azp"`
	Expires float64  `json:"exp"` // seconds since 1970; a few issuers write decimals
	Roles   []string `json:"roles"`
	Scopes  string   `json:"scp"`
	User    string   `json:"upn"`
	Name    string   `json:"preferred_username"`
}

// readToken reads the claims of a token, none when it is opaque. A claim of an odd type does not make the others
// worthless.
func readToken(token string) tokenClaims {
	var claims tokenClaims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims
	}
	_ = json.Unmarshal(payload, &claims)
	return claims
}

func (c tokenClaims) tenant() (uuid.UUID, bool) {
	tenant, err := uuid.Parse(c.Tenant)
	if err != nil {
		return uuid.UUID{}, false // what was parsed is half an id
	}
	return tenant, true
}

func (c tokenClaims) app() string {
	if c.AppV1 != "" {
		return c.AppV1
	}
	return c.AppV2
}

// maxUnix keeps time.Unix within the years that can be written down.
const maxUnix = 253402300799 // 9999-12-31T23:59:59Z

// expires is the end of the token, zero when it does not say.
func (c tokenClaims) expires() time.Time {
	if !(c.Expires > 0 && c.Expires <= maxUnix) {
		return time.Time{}
	}
	return time.Unix(int64(c.Expires), 0).UTC()
}

// info adds what the token says to what is configured.
func (c tokenClaims) info(configured TokenInfo) TokenInfo {
	info := configured
	if tenant, ok := c.tenant(); ok {
		info.Tenant = tenant
	}
	if app := c.app(); app != "" {
		info.App = app
	}
	if at := c.expires(); !at.IsZero() {
		info.Expires = at
	}
	info.User = c.User
	if info.User == "" {
		info.User = c.Name
	}
	info.Roles, info.Scopes = c.Roles, strings.Fields(c.Scopes)
	return info
}

// check finds a token that was issued for another tenant or app than the configured ones. Otherwise one tenant's rows
// would be sent with another's token, or one app would spend another's budget. app may be empty: any.
func (c tokenClaims) check(tenant uuid.UUID, app string) error {
	if issued, ok := c.tenant(); ok && tenant != uuid.Nil && issued != tenant {
		return fmt.Errorf("the token was issued for the tenant %s, but AZURE_TENANT_ID is %s", issued, tenant)
	}
	if issued := c.app(); issued != "" && app != "" && !strings.EqualFold(issued, app) {
		return fmt.Errorf("the token was issued to the app %s, but AZURE_CLIENT_ID is %s", issued, app)
	}
	return nil
}

// TokenTenant reads the tenant a token was issued for. ok is false when the token is opaque. Nothing is verified:
// that is Graph's part.
func TokenTenant(token string) (tenant uuid.UUID, ok bool) { return readToken(token).tenant() }
