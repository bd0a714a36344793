// Package console is the worker's HTTP face. For now it answers one question: is the worker alive and its database
// within reach?
//
// It changes nothing. A TCP port answers every user of the machine, and perhaps of the network, so nothing is shown there
// but that: no name, no error's text. What shows more is for a socket alone, which the system closes to others.
package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Server answers on one address until it is closed.
type Server struct {
	http   *http.Server
	addr   string
	socket bool
	done   chan struct{}
}

// pingTime is how long the database may take to answer a health check.
const pingTime = 3 * time.Second

// Listen begins to answer at addr: host:port, :port for this machine alone, or unix:PATH for this user alone. ping asks the
// database for a sign of life.
func Listen(ctx context.Context, addr string, ping func(context.Context) error) (*Server, error) {
	l, err := listen(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pingTime)
		defer cancel()
		if err := ping(ctx); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	s := &Server{addr: l.Addr().String(), done: make(chan struct{})}
	if at, ok := l.(*socket); ok {
		s.addr, s.socket = at.path, true
	}
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the listener is ours alone, and only Close ends it
		}
	}()
	return s, nil
}

// Addr returns the address it answers at, with the port the system chose for port 0, or the path of the socket.
func (s *Server) Addr() string { return s.addr }

// Health says where the health check is, for a person: a URL, or what curl --unix-socket takes.
func (s *Server) Health() string {
	if s.socket {
		return socketPrefix + s.addr + " /healthz"
	}
	return "http://" + s.addr + "/healthz"
}

// Close ends it at once.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}
