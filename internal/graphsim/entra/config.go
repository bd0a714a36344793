package entra

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What there is when the Config does not say otherwise.
const (
	DefaultTenant         = "11111111-1111-4111-8111-111111111111"
	DefaultApp            = "22222222-2222-4222-8222-222222222222"
	DefaultSecret         = "simulated-secret"
	DefaultIdentityHeader = "simulated-identity"
	DefaultRole           = "DeviceManagementConfiguration.ReadWrite.All"

	// Domain names the tenant too, where a GUID is expected.
	Domain = "simulated.onmicrosoft.com"

	// NoRole is the only entry of Config.Roles for an app without any.
	NoRole = "none"
)

// graphAppID is Graph's own id, by which it may be asked for in place of a URL.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// Config is the tenant, its app and how the service behaves. Its zero value is
// usable: the defaults above, no certificate, tokens for an hour.
type Config struct {
	Tenant, App string              // GUIDs
	Secret      string              // of the app
	Certs       []*x509.Certificate // the app's, RSA
	Federated   []string            // files whose contents are accepted as federated tokens; read at each request
	Roles       []string            // granted to the app and to its users; none: DefaultRole

	Lifetime time.Duration // how long a token is really good for; 0 is an hour
	Says     time.Duration // the expires_in that is told; 0 is the truth
	Clock    time.Duration // the service's clock is ahead by this much; the simulator puts its own here

	Approval string // of device codes: auto, at the second poll; manual, by a Change; decline. "" is auto
	Faults   []Fault

	IdentityHeader string // what App Service's X-IDENTITY-HEADER must be
}

// How device codes come to be approved.
const (
	approveAuto    = "auto"
	approveManual  = "manual"
	approveDecline = "decline"
)

func (c Config) withDefaults() Config {
	c.Tenant = strings.ToLower(cmp.Or(c.Tenant, DefaultTenant))
	c.App = strings.ToLower(cmp.Or(c.App, DefaultApp))
	c.Secret = cmp.Or(c.Secret, DefaultSecret)
	if len(c.Roles) == 0 {
		c.Roles = []string{DefaultRole}
	}
	c.Lifetime = cmp.Or(c.Lifetime, time.Hour)
	c.Says = cmp.Or(c.Says, c.Lifetime)
	c.Approval = cmp.Or(c.Approval, approveAuto)
	c.IdentityHeader = cmp.Or(c.IdentityHeader, DefaultIdentityHeader)
	return c
}

// check names everything that is wrong, joined.
func (c Config) check() error {
	return errors.Join(
		checkGUID("login tenant", c.Tenant),
		checkGUID("login app", c.App),
		checkCerts(c.Certs),
		checkRoles(c.Roles),
		checkSpan("token lifetime", c.Lifetime),
		checkSpan("token says", c.Says),
		checkApproval(c.Approval),
		checkFaults(c.Faults),
	)
}

func checkGUID(name, text string) error {
	if err := uuid.Validate(text); err != nil || len(text) != 36 {
		return fmt.Errorf("%s %q: want a GUID like %s", name, text, DefaultTenant)
	}
	return nil
}

func checkCerts(certs []*x509.Certificate) error {
	for i, cert := range certs {
		if _, ok := cert.PublicKey.(*rsa.PublicKey); !ok {
			return fmt.Errorf("login certificate %d: its key is not RSA, and the login service takes no other", i+1)
		}
	}
	return nil
}

func checkRoles(roles []string) error {
	for _, role := range roles {
		if role == "" || strings.ContainsAny(role, " \t\r\n/") {
			return fmt.Errorf("login role %q: want a name like %s, or %s", role, DefaultRole, NoRole)
		}
	}
	if len(roles) > 1 && slices.Contains(roles, NoRole) {
		return fmt.Errorf("login role %s: cannot stand beside other roles", NoRole)
	}
	return nil
}

// checkSpan wants whole seconds because expires_in counts in them.
func checkSpan(name string, d time.Duration) error {
	if d < time.Second || d%time.Second != 0 {
		return fmt.Errorf("%s %v: must be whole seconds, at least one", name, d)
	}
	return nil
}

func checkApproval(text string) error {
	if !slices.Contains([]string{approveAuto, approveManual, approveDecline}, text) {
		return fmt.Errorf("device approval %q: must be %s, %s or %s", text, approveAuto, approveManual, approveDecline)
	}
	return nil
}
