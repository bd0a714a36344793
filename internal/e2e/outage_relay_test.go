package e2e

import (
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// relay leads from a TCP port to the socket of the private server, which has no port of its own.
type relay struct {
	listener net.Listener
	socket   string
	work     sync.WaitGroup

	mu    sync.Mutex
	links []*link
}

// relayed starts a relay to the server and returns it.
func (o *outage) relayed() *relay {
	o.tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		o.tb.Fatal(err)
	}
	r := &relay{listener: listener, socket: filepath.Join(o.config.DataDir, "socket", ".s.PGSQL.5432")}
	r.work.Go(r.accept)
	o.tb.Cleanup(r.close)
	return r
}

// through is the database's URL by way of an address.
func (o *outage) through(addr string) string {
	o.tb.Helper()
	u, err := url.Parse(o.db.URL)
	if err != nil {
		o.tb.Fatal(err)
	}
	u.Host, u.RawQuery = addr, "sslmode=disable"
	return u.String()
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", r.socket)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server}
		r.mu.Lock()
		r.links = append(r.links, l)
		r.mu.Unlock()
		r.work.Go(l.ask)
		r.work.Go(l.answer)
	}
}

// strand has the connections that are there stay open, with nothing coming through any more, as behind a firewall that
// has forgotten them. New ones work.
func (r *relay) strand() (stranded int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.links {
		if !l.closed.Load() {
			l.stranded.Store(true)
			stranded++
		}
	}
	return stranded
}

// givenUp reports whether the programs have hung up on all stranded connections that they have tried since.
func (r *relay) givenUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.links {
		if l.tried.Load() && !l.closed.Load() {
			return false
		}
	}
	return true
}

func (r *relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, l := range r.links {
		l.close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

// link is one connection through a relay.
type link struct {
	client, server   net.Conn
	stranded, closed atomic.Bool
	tried            atomic.Bool // by the client, since it is stranded
}

// ask passes on what the client says, until it hangs up.
func (l *link) ask() {
	defer l.close()
	l.pass(l.server, l.client, &l.tried)
}

// answer passes on what the server says. That it hung up is not told to a client that is stranded.
func (l *link) answer() {
	l.pass(l.client, l.server, &atomic.Bool{})
	if !l.stranded.Load() {
		l.close()
	}
}

// pass passes on what comes, or notes that something was swallowed.
func (l *link) pass(to, from net.Conn, swallowed *atomic.Bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.stranded.Load() {
			swallowed.Store(true)
		} else if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (l *link) close() {
	l.closed.Store(true)
	_ = l.client.Close()
	_ = l.server.Close()
}
