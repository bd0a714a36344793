package graphsim

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"graphpatch/internal/graphsim/entra"
)

// Server is the pretender as an http.Handler. It is safe for concurrent use.
type Server struct {
	config Config
	tokens map[string]bool
	admin  http.Handler
	world  atomic.Pointer[world]

	login        *entra.Service // nil: none
	ca           *ca
	proxyRefused atomic.Uint64
}

// world is everything a reset throws away. An exchange stays with the world it
// began in.
type world struct {
	gate     *gate
	store    *store
	log      *requestLog
	tally    *tally
	playback *playback
	mischief atomic.Pointer[mischief] // may be replaced alone
}

// New checks the configuration and reports all its faults joined.
func New(config Config) (*Server, error) {
	config = config.withDefaults()
	login, loginErr := config.newLogin()
	if err := errors.Join(config.check(), loginErr); err != nil {
		return nil, err
	}
	authority, err := newCA(time.Now())
	if err != nil {
		return nil, err
	}
	s := &Server{config: config, tokens: map[string]bool{}, login: login, ca: authority}
	for _, token := range config.Tokens {
		s.tokens[token] = true
	}
	s.admin = s.adminRoutes()
	s.Reset()
	return s, nil
}

// Reset puts everything back to how it was at the start: statuses, log,
// counters, windows, the sequence of faults, and the login service with them.
func (s *Server) Reset() {
	now := s.now()
	if s.login != nil {
		s.login.Reset()
	}
	s.proxyRefused.Store(0)
	fresh := &world{
		gate:  newGate(s.config.limits(), now),
		store: newStore(),
		log:   newRequestLog(s.config.KeepRequests),
		tally: newTally(), playback: newPlayback(s.config.Recording),
	}
	fresh.mischief.Store(newMischief(s.config.Faults, s.config.Script, s.config.Seed))
	populate(fresh.store, s.config.Statuses, now)
	s.world.Store(fresh)
}

// DemoConfiguration is the id that the statuses of Config.Statuses belong to,
// on the plain route. Theirs are 00000000-0000-4000-8000-000000000001 and up.
const DemoConfiguration = "00000000-0000-4000-9000-000000000001"

func populate(store *store, n int, now time.Time) {
	key := collectionKey{configuration: DemoConfiguration}
	for i := 1; i <= n; i++ {
		properties := newProperties()
		name, principal := fmt.Sprintf("User %d", i), fmt.Sprintf("user%d@example.com", i)
		properties.UserDisplayName, properties.UserPrincipalName = &name, &principal
		properties.DevicesCount = 1
		store.put(key, fmt.Sprintf("00000000-0000-4000-8000-%012d", i), properties, now)
	}
}

// ServeHTTP answers as Graph, or below /_sim/ as the simulator itself.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.admin.ServeHTTP(w, r)
		return
	}
	if s.login != nil && entra.IsIdentity(r.URL.Path) {
		s.login.Identity().ServeHTTP(w, r)
		return
	}
	s.serveGraph(w, r, s.now())
}

// Requests returns the exchanges that are still in the log, oldest first.
func (s *Server) Requests() []Request {
	w := s.world.Load()
	return w.log.after(0, s.config.KeepRequests)
}

// Statuses returns every status, by collection in the order of insertion.
func (s *Server) Statuses() []Status {
	return s.world.Load().store.statuses("")
}

// Stats returns the totals.
func (s *Server) Stats() Stats {
	w := s.world.Load()
	stats := w.tally.stats()
	stats.WorstWindowWrites, stats.WorstWindowReads = w.gate.worstWindows()
	stats.WriteLimit, stats.WriteWindowSeconds = s.config.WriteLimit.Requests, s.config.WriteLimit.Window.Seconds()
	stats.ReadLimit, stats.ReadWindowSeconds = s.config.ReadLimit.Requests, s.config.ReadLimit.Window.Seconds()
	stats.Statuses = w.store.size()
	stats.KeptRequests, stats.DroppedRequests = w.log.counts()
	stats.ProxyRefused = s.proxyRefused.Load()
	if s.login != nil {
		stats.Logins, stats.LoginFailures = s.login.Counts()
	}
	return stats
}
