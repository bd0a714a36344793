package graphsim

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"graphpatch/internal/graphsim/entra"
)

// Login returns the login service, or nil without Config.Login. It is an
// http.Handler that wants to be served over TLS.
func (s *Server) Login() *entra.Service { return s.login }

// CA returns the certificate, as PEM, of the authority that issues what the
// login service and the proxy are served with.
func (s *Server) CA() []byte { return slices.Clone(s.ca.pem) }

func (c Config) newLogin() (*entra.Service, error) {
	if c.Login == nil {
		return nil, nil
	}
	if len(c.Tokens) > 0 {
		return nil, errors.New("tokens: with a login service only its own are accepted")
	}
	login := *c.Login
	login.Clock = c.ClockOffset
	return entra.New(login)
}

// now is the simulator's clock.
func (s *Server) now() time.Time { return time.Now().Add(s.config.ClockOffset) }

// What Graph wants a token to permit. Who may write may read too.
const (
	permissionToRead  = "DeviceManagementConfiguration.Read.All"
	permissionToWrite = "DeviceManagementConfiguration.ReadWrite.All"
)

// permissions are those of which one is needed.
func (c class) permissions() []string {
	if c == write {
		return []string{permissionToWrite}
	}
	return []string{permissionToRead, permissionToWrite}
}

// identify says whose window a token counts in. With a login service that is the
// app in its tenant, because a renewed token is the same app; and the token must
// be good for what it is used for. The error is a problem.
func (x *exchange) identify(token string) (string, error) {
	if x.login == nil {
		return token, nil
	}
	found, err := x.login.Present(token, x.at)
	if err != nil {
		return "", tokenProblem(err)
	}
	if !isMeantFor(found.Audience, x.request.Host) {
		return "", unauthorized("Access token validation failure. Invalid audience.")
	}
	needed := classOf(x.request.Method).permissions()
	if !slices.ContainsFunc(needed, func(one string) bool { return slices.Contains(found.Permissions, one) }) {
		return "", forbidden(needed)
	}
	return found.Tenant + "/" + found.App, nil
}

// isMeantFor compares where the token is used with what it was asked for. Under
// an address of its own the simulator is any Graph.
func isMeantFor(audience, hostport string) bool {
	host := hostOf(hostport)
	return !entra.IsGraph(host) || strings.EqualFold(audience, "https://"+host) || audience == graphAppID
}

// graphAppID is the id by which tokens may name Graph in any cloud.
const graphAppID = "00000003-0000-0000-c000-000000000000"

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}

// tokenProblem is what Graph says about a token that the login service does not
// stand by.
func tokenProblem(err error) error {
	if challenge, ok := errors.AsType[*entra.ChallengeError](err); ok {
		return claimsChallenge(challenge.Claims)
	}
	switch {
	case errors.Is(err, entra.ErrNotJWT):
		return unauthorized("IDX14100: JWT is not well formed, there are no dots (.).")
	case errors.Is(err, entra.ErrExpired):
		return unauthorized("Lifetime validation failed, the token is expired.")
	case errors.Is(err, entra.ErrRevoked):
		return unauthorized("Access token has been revoked.")
	}
	return unauthorized("Signing key is invalid.")
}

// claimsChallenge is continuous access evaluation.
func claimsChallenge(claims string) error {
	p, _ := errors.AsType[problem](unauthorized("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"))
	p.headers["WWW-Authenticate"] += `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
	return p
}

func forbidden(needed []string) error {
	return problem{
		status: http.StatusForbidden, code: "Forbidden", intune: true,
		message: "Application is not authorized to perform this operation. Application must have one of the following scopes: " + strings.Join(needed, ", "),
	}
}

// loginAdminRoutes are those of the simulator's own that need a login service or
// its certificate authority.
func (s *Server) loginAdminRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/ca", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(s.ca.pem)
	})
	if s.login == nil {
		return
	}
	mux.HandleFunc("GET /_sim/logins", s.writeLogins)
	mux.HandleFunc("POST /_sim/login", s.changeLogin)
}

func (s *Server) writeLogins(w http.ResponseWriter, r *http.Request) {
	since, err := queryNumber(r, "since", 0)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	for _, login := range s.login.Logins(uint64(since)) {
		if lines.Encode(login) != nil {
			return
		}
	}
}

// maxChange is the largest body that changes the login service.
const maxChange = 1 << 20

func (s *Server) changeLogin(w http.ResponseWriter, r *http.Request) {
	var change entra.Change
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxChange))
	d.DisallowUnknownFields()
	if err := d.Decode(&change); err != nil {
		http.Error(w, fmt.Sprintf("want a JSON object of changes: %v", err), http.StatusBadRequest)
		return
	}
	if err := s.login.Apply(change); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
