package graphsim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// checkAddr refuses what others could reach, because the simulator takes any
// token and shows everything it was sent.
func checkAddr(addr string, public bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q: want HOST:PORT, for example 127.0.0.1:8080", addr)
	}
	if public || host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("address %q is not loopback: the simulator must not be reachable by others, unless it is made public on purpose", addr)
}

// Listen opens the configured address. Port 0 takes a free one, which the
// listener's Addr tells.
func (s *Server) Listen(ctx context.Context) (net.Listener, error) {
	return listen(ctx, s.config.Addr)
}

// Serve answers on the listener until ctx ends, then lets the exchanges under
// way finish. It returns nil after such an end, and closes the listener in any
// case.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return serve(ctx, listener, s)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := newHTTPServer(handler)
	return runServer(ctx, server, func() error { return server.Serve(listener) })
}

func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
}

// shutdownGrace is how long exchanges under way are waited for.
const shutdownGrace = 5 * time.Second

// runServer ends what run started when ctx ends.
func runServer(ctx context.Context, server *http.Server, run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // whoever is still waiting is cut off, as by a service that restarts
	}
	if serving := <-ended; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return err
}
