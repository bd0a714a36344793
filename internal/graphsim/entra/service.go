package entra

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Service is the login service as an http.Handler. It is safe for concurrent use.
type Service struct {
	config   Config
	key      []byte // of the signatures of its tokens
	login    http.Handler
	identity http.Handler

	mu    sync.Mutex
	state *state
}

// state is everything a reset throws away.
type state struct {
	secret    string
	roles     []string
	faults    []armed
	approval  string
	challenge challenge
	revoked   time.Time // what was issued until then

	tokens     map[[sha256.Size]byte]Token
	sweepAt    int // so many tokens, and the expired ones are forgotten
	lastIssued time.Time
	devices    map[string]*device
	refreshes  map[[sha256.Size]byte]*refresh

	logins           []Login
	lastSeq          uint64
	granted, refused uint64
}

// New checks the configuration and reports all its faults joined.
func New(config Config) (*Service, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Service{config: config, key: []byte(rand.Text())}
	s.login = s.loginRoutes()
	s.identity = s.identityRoutes()
	s.Reset()
	return s, nil
}

// Reset puts everything back to how it was at the start. Tokens given out before
// are unknown then.
func (s *Service) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = &state{
		secret: s.config.Secret, roles: rolesOf(s.config.Roles), faults: arm(s.config.Faults), approval: s.config.Approval,
		tokens: map[[sha256.Size]byte]Token{}, sweepAt: manyTokens,
		devices: map[string]*device{}, refreshes: map[[sha256.Size]byte]*refresh{},
	}
}

func rolesOf(names []string) []string {
	if len(names) == 1 && names[0] == NoRole {
		return []string{}
	}
	return names
}

func (s *Service) loginRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.discover)
	mux.HandleFunc("GET /common/discovery/instance", s.discoverInstance)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, (*exchange).token) })
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, (*exchange).deviceCode) })
	return mux
}

// ServeHTTP answers as the login service, to requests that came by TLS.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.login.ServeHTTP(w, s.date(w, r))
}

// Identity answers as the managed identity endpoints of a machine in Azure, to
// requests that came in the clear.
func (s *Service) Identity() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.identity.ServeHTTP(w, s.date(w, r)) })
}

// now is the service's clock.
func (s *Service) now() time.Time { return time.Now().Add(s.config.Clock) }

// date shows the service's clock, and bounds what is read.
func (s *Service) date(w http.ResponseWriter, r *http.Request) *http.Request {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	return r
}

// maxForm is the largest request taken; an assertion has a few kilobytes.
const maxForm = 1 << 20

func writeJSON(w http.ResponseWriter, status int, value any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a client that left needs no answer
}
