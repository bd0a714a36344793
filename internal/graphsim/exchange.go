package graphsim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graphsim/entra"
)

// exchange is one request to Graph on its way to an answer.
type exchange struct {
	world   *world
	config  *Config
	login   *entra.Service // nil: none
	request *http.Request
	at      time.Time
	body    []byte

	logged    Request // filled in as the exchange goes on
	throttled bool
	quota     http.Header   // what is left of a limit, if that is told
	latency   time.Duration // to be put in, half on the way here and half on the way back
	waited    time.Duration // on the way back
	fault     faultKind     // the one it met, if it has a name
}

// answer is what goes back. A header without values is one that must not be
// there. Status 0 is no answer.
type answer struct {
	status   int
	headers  http.Header
	body     []byte
	delivery delivery
}

// serveGraph records the exchange before it answers, so that whoever has the
// answer finds it in the log.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, now time.Time) {
	x := &exchange{world: s.world.Load(), config: &s.config, login: s.login, request: r, at: now, latency: s.config.latency()}
	x.world.tally.arrive()
	defer x.world.tally.leave()
	lost := x.arrive(s.now)
	x.begin()
	out, err := answer{}, lost
	if lost == nil {
		out, err = x.judge(s.tokens)
	}
	if err != nil {
		out = x.refusal(err)
	}
	x.record(out)
	x.send(w, out)
}

func (x *exchange) begin() {
	x.logged = Request{
		At: x.at, Method: x.request.Method, Path: x.request.URL.EscapedPath(), Query: x.request.URL.RawQuery,
		Host: x.request.Host, ClientRequestID: x.request.Header.Get("client-request-id"), RequestID: uuid.NewString(),
		ContentEncoding: x.request.Header.Get("Content-Encoding"),
	}
}

var errClientLeft = errors.New("the client left before it was answered")

// judge is the order in which the service looks at a request: who, how often,
// and only then what. An error is a problem or errClientLeft.
func (x *exchange) judge(tokens map[string]bool) (answer, error) {
	refused := x.enter(tokens)
	unreadable := x.readBody()
	if err := x.wait(); err != nil {
		return answer{}, err
	}
	if refused != nil {
		return answer{}, refused
	}
	target, misrouted := parseRoute(x.request.Method, x.logged.Path)
	x.stumble(subjectOf(x.request.Method, target, misrouted != nil))
	if x.fault.instead != nil {
		return x.fault.instead(x), nil
	}
	out, played, err := answer{}, false, misrouted
	if misrouted == nil {
		out, played, err = x.play(target)
	}
	if played {
		return out, err
	}
	out, err = x.carryOut(target, misrouted, unreadable)
	if err != nil {
		x.logged.Fault = "" // it had nothing to spoil
		return answer{}, err
	}
	if x.fault.afterwards != nil {
		return x.fault.afterwards(x, out), nil
	}
	return out, nil
}

// enter checks the token and asks the gate, at the time the request came in.
func (x *exchange) enter(tokens map[string]bool) error {
	token, err := bearer(x.request.Header.Get("Authorization"), tokens)
	if err != nil {
		return err
	}
	x.logged.TokenID = tokenID(token)
	app, err := x.identify(token)
	if err != nil {
		return err
	}
	decision := x.world.gate.admit(app, classOf(x.request.Method), x.at)
	if x.config.ThrottleHeaders {
		x.quota = decision.quota.headers()
	}
	if decision.admitted {
		return nil
	}
	x.throttled = true
	return decision.refusal()
}

// bearer returns the token if it is accepted.
func bearer(header string, tokens map[string]bool) (string, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", unauthorized("Access token is empty.")
	}
	if len(tokens) > 0 && !tokens[token] {
		return "", unauthorized("Lifetime validation failed, the token is expired.")
	}
	return token, nil
}

// tokenID names a token in the log without giving it away.
func tokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

// latency is what one exchange takes besides the work.
func (c *Config) latency() time.Duration {
	d := c.Latency
	if c.Jitter > 0 {
		d += rand.N(c.Jitter)
	}
	return d
}

// arrive puts in the latency of the way here: the request is not there before.
func (x *exchange) arrive(now func() time.Time) error {
	half := x.latency / 2
	if half <= 0 {
		return nil
	}
	err := sleep(x.request.Context(), half)
	x.at = now()
	return err
}

// wait puts in the latency of the way back.
func (x *exchange) wait() error {
	if x.waited = x.latency - x.latency/2; x.waited <= 0 {
		return nil
	}
	x.logged.WaitedMs = x.waited.Seconds() * 1000
	return sleep(x.request.Context(), x.waited)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errClientLeft
	}
}

// stumble meets the fault that is meant for this request, if any.
func (x *exchange) stumble(s subject) {
	if kind, hit := x.world.mischief.Load().befall(s); hit {
		x.fault, x.logged.Fault = kind, kind.name
	}
}

// carryOut is what happens to a request that nothing befell.
func (x *exchange) carryOut(target route, misrouted, unreadable error) (answer, error) {
	if misrouted != nil {
		return answer{}, misrouted
	}
	if unreadable != nil {
		return answer{}, unreadable
	}
	return x.dispatch(target)
}

// dispatch hands the request to what its route and method stand for.
func (x *exchange) dispatch(target route) (answer, error) {
	switch x.request.Method {
	case http.MethodGet:
		return x.get(target)
	case http.MethodPatch:
		if target.resource != oneStatus {
			return answer{}, noRoute(http.MethodPatch)
		}
		return x.patch(target)
	}
	return answer{}, problem{
		status: http.StatusMethodNotAllowed, code: "MethodNotAllowed",
		message: "The HTTP method '" + x.request.Method + "' is not supported for this resource.",
		headers: map[string]string{"Allow": "GET, PATCH"},
	}
}
