package entra

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// exchange is one request for a token on its way to an answer.
type exchange struct {
	service *Service
	host    string // without a port
	at      time.Time
	form    url.Values
	known   []string // the federated tokens that are accepted
	logged  Login    // filled in as the exchange goes on
}

// The credentials, in the words of the log.
const (
	bySecret      = "secret"
	byCertificate = "certificate"
	byFederation  = "federated"
	byDevice      = "device"
	byRefresh     = "refresh"
)

// serve records the exchange before it answers, so that whoever has the answer
// finds it in the log.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, judge func(*exchange) (any, error)) {
	if err := r.ParseForm(); err != nil {
		badRequest.about("The request body could not be read.").write(w, correlation(r), s.now())
		return
	}
	x := s.begin(r)
	s.mu.Lock()
	kind, hit := s.state.meet(x.logged.Credential)
	var out any
	var err error
	switch {
	case !hit:
		out, err = judge(x)
	case kind.act == refuse:
		err = kind.refusal
	}
	x.conclude(kind, err)
	s.state.record(x.logged)
	s.mu.Unlock()
	if hit && kind.act != refuse {
		misbehave(w, r, kind.act)
		return
	}
	if refused, ok := errors.AsType[refusal](err); ok {
		refused.write(w, correlation(r), x.at)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Service) begin(r *http.Request) *exchange {
	x := &exchange{service: s, host: hostname(r.Host), at: s.now(), form: r.PostForm}
	x.logged = Login{
		At: x.at, Host: r.Host, Tenant: r.PathValue("tenant"), ClientID: x.form.Get("client_id"),
		Grant: x.form.Get("grant_type"), Scope: x.form.Get("scope"), Claims: x.form.Get("claims"),
		AssertionID: shortHash(x.form.Get("client_assertion")),
	}
	x.recognize()
	if x.logged.Credential == byFederation {
		x.known = readFederated(s.config.Federated)
	}
	return x
}

// recognize says by what the request wants to prove itself.
func (x *exchange) recognize() {
	l := &x.logged
	switch {
	case l.Grant == grantDevice || l.Grant == longDevice:
		l.Credential, l.SecretID = byDevice, shortHash(x.form.Get("device_code"))
	case l.Grant == grantRefresh:
		l.Credential, l.SecretID = byRefresh, shortHash(x.form.Get("refresh_token"))
	case x.form.Get("client_secret") != "":
		l.Credential, l.SecretID = bySecret, shortHash(x.form.Get("client_secret"))
	case x.form.Get("client_assertion") != "":
		l.Credential = byFederation
		if a, err := parseAssertion(x.form.Get("client_assertion")); err == nil && strings.EqualFold(a.issuer, l.ClientID) {
			l.Credential = byCertificate
		}
	}
}

// conclude writes down how it ended. A page in place of a token has status 200,
// and what hangs or is cut off has none.
func (x *exchange) conclude(kind faultKind, err error) {
	x.logged.Fault = kind.name
	refused, isRefusal := errors.AsType[refusal](err)
	switch {
	case isRefusal:
		x.logged.Status, x.logged.Error = refused.status, refused.name()
	case kind.act == refuse || kind.act == showPage:
		x.logged.Status = http.StatusOK
	}
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}

// misbehave is all that is no answer of Entra's.
func misbehave(w http.ResponseWriter, r *http.Request, what act) {
	switch what {
	case cutOff:
		cut(w)
	case hang:
		<-r.Context().Done() // the client leaves, or the service ends
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>"))
	}
}

// cut ends the connection with a TCP reset where there is one to get hold of.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
