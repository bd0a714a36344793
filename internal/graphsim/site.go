package graphsim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// Site is a simulator that is being served: Graph, and beside it the login
// service and the proxy as far as they were asked for.
type Site struct {
	GraphURL string // http://HOST:PORT
	LoginURL string // https://HOST:PORT, the authority without a tenant; "" without Config.Login
	ProxyURL string // http://HOST:PORT; "" without Config.ProxyAddr

	stop  context.CancelFunc
	parts sync.WaitGroup

	mu  sync.Mutex
	err error
}

// part is one listener and what is served on it.
type part struct {
	listener net.Listener
	serve    func(context.Context, net.Listener) error
}

// Start opens all addresses, and serves on them until ctx ends or Stop is
// called. If one cannot be opened, none is.
func (s *Server) Start(ctx context.Context) (*Site, error) {
	site := &Site{}
	parts, err := s.open(ctx, site)
	if err != nil {
		for _, p := range parts {
			_ = p.listener.Close()
		}
		return nil, err
	}
	ctx, site.stop = context.WithCancel(ctx)
	for _, p := range parts {
		site.parts.Go(func() {
			defer site.stop() // one that ended by itself ends the others
			site.note(p.serve(ctx, p.listener))
		})
	}
	return site, nil
}

func (s *Server) open(ctx context.Context, site *Site) ([]part, error) {
	graph, err := s.Listen(ctx)
	if err != nil {
		return nil, err
	}
	site.GraphURL = "http://" + graph.Addr().String()
	parts := []part{{graph, s.Serve}}
	if s.login != nil {
		login, err := listen(ctx, s.config.LoginAddr)
		if err != nil {
			return parts, err
		}
		site.LoginURL = "https://" + login.Addr().String()
		parts = append(parts, part{login, s.serveLogin})
	}
	if s.config.ProxyAddr != "" {
		proxy, err := listen(ctx, s.config.ProxyAddr)
		if err != nil {
			return parts, err
		}
		site.ProxyURL = "http://" + proxy.Addr().String()
		parts = append(parts, part{proxy, s.serveProxy})
	}
	return parts, nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr)
}

func (s *Server) serveLogin(ctx context.Context, listener net.Listener) error {
	return serveTLS(ctx, listener, s.login, s.ca)
}

func serveTLS(ctx context.Context, listener net.Listener, handler http.Handler, authority *ca) error {
	server := newHTTPServer(handler)
	server.TLSConfig = authority.tlsConfig()
	return runServer(ctx, server, func() error { return server.ServeTLS(listener, "", "") })
}

func (site *Site) note(err error) {
	site.mu.Lock()
	defer site.mu.Unlock()
	site.err = errors.Join(site.err, err)
}

// Wait returns when nothing is served any more: nil if that was wanted.
func (site *Site) Wait() error {
	site.parts.Wait()
	site.mu.Lock()
	defer site.mu.Unlock()
	return site.err
}

// Stop ends the serving, lets the exchanges under way finish, and waits for it.
func (site *Site) Stop() error {
	site.stop()
	return site.Wait()
}
