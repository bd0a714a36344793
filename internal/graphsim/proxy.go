package graphsim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"graphpatch/internal/graphsim/entra"
)

// imdsHost is where a machine in Azure asks for tokens of its managed identity.
const imdsHost = "169.254.169.254"

// proxy is a forward proxy that connects nowhere: it stands itself for the hosts
// of Microsoft's clouds and refuses all others.
type proxy struct {
	sim     *Server
	tunnels *tunnels
	refused *atomic.Uint64
}

// ServeHTTP takes CONNECT for what is encrypted, and absolute URLs for what is
// not.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect && p.stands(r.Host):
		p.tunnel(w)
	case r.URL.Host == imdsHost && r.URL.Scheme == "http" && p.sim.login != nil:
		p.sim.login.Identity().ServeHTTP(w, r)
	default:
		p.refused.Add(1)
		http.Error(w, "graphsim stands for Microsoft's clouds only, not for "+r.Host, http.StatusForbidden)
	}
}

func (p *proxy) stands(hostport string) bool {
	host, port, err := net.SplitHostPort(hostport)
	return err == nil && port == "443" && (entra.IsGraph(host) || entra.IsLogin(host) && p.sim.login != nil)
}

// tunnel hands the connection over to the server behind.
func (p *proxy) tunnel(w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil || buffered.Reader.Buffered() > 0 {
		_ = conn.Close() // a client that does not wait for the answer is not one of TLS
		return
	}
	p.tunnels.add(conn)
}

// behind is what a client finds at the end of a tunnel. The host it names there
// counts, as with a real front end.
func (p *proxy) behind(w http.ResponseWriter, r *http.Request) {
	switch host := hostOf(r.Host); {
	case entra.IsGraph(host) && !strings.HasPrefix(r.URL.Path, "/_sim/"):
		p.sim.ServeHTTP(w, r)
	case entra.IsLogin(host) && p.sim.login != nil:
		p.sim.login.ServeHTTP(w, r)
	default:
		http.Error(w, "no such host here: "+r.Host, http.StatusMisdirectedRequest)
	}
}

// tunnels is a listener whose connections come out of the proxy.
type tunnels struct {
	addr  net.Addr
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newTunnels(addr net.Addr) *tunnels {
	return &tunnels{addr: addr, conns: make(chan net.Conn), ended: make(chan struct{})}
}

func (t *tunnels) add(conn net.Conn) {
	select {
	case t.conns <- conn:
	case <-t.ended:
		_ = conn.Close()
	}
}

// Accept waits for a tunnel.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.conns:
		return conn, nil
	case <-t.ended:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.ended) })
	return nil
}

// Addr is the proxy's.
func (t *tunnels) Addr() net.Addr { return t.addr }

// serveProxy runs both halves until ctx ends.
func (s *Server) serveProxy(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &proxy{sim: s, tunnels: newTunnels(listener.Addr()), refused: &s.proxyRefused}
	inside := make(chan error, 1)
	go func() { inside <- serveTLS(ctx, p.tunnels, http.HandlerFunc(p.behind), s.ca) }()
	err := serve(ctx, listener, p)
	cancel()
	return errors.Join(err, <-inside)
}

// checkProxyAddr takes no address too: there is no proxy then.
func checkProxyAddr(addr string, public bool) error {
	if addr == "" {
		return nil
	}
	return checkAddr(addr, public)
}
