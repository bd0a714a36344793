package graph_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { seen.Add(1) })
	for _, code := range []int{300, 301, 302, 303, 304, 305, 307, 308} {
		for _, location := range []string{elsewhere.URL, "/moved", "", "http://[::1", "%zz"} {
			var asked atomic.Int32
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(code)
			})
			x := patch(t, newClient(t, configFor(server.URL)))
			if x.Status != code || x.Err != nil || x.Outcome() != graph.Rejected {
				t.Errorf("%d to %q: got %d %s %v", code, location, x.Status, x.Outcome(), x.Err)
			}
			if got := asked.Load(); got != 1 {
				t.Errorf("%d to %q: %d requests", code, location, got)
			}
			if location != "" && !bytes.Contains(x.KeptHeaders(), []byte("Location: "+location)) {
				t.Errorf("%d: the location is not kept: %s", code, x.KeptHeaders())
			}
		}
	}
	if got := seen.Load(); got != 0 {
		t.Errorf("%d requests went elsewhere", got)
	}
}

// TestOddBodies tells that whatever follows the status, the status counts and what came of the body is kept.
func TestOddBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct{ body, kept string }{
		"empty":          {"", ""},
		"HTML":           {"<html>", "<html>"},
		"truncated JSON": {`{"id":`, `{"id":`},
		"not UTF-8":      {"\xff\x00", "\xff\x00"},
		"as long as fit": {long, long},
		"a byte more":    {long + "y", long},
		"much more":      {strings.Repeat("x", 200<<10), long},
		"no end in view": {strings.Repeat("x", 2<<20), long},
	} {
		for _, code := range []int{200, 429, 500} {
			x := patch(t, newClient(t, configFor(answering(t, code, test.body).URL)))
			if x.Status != code || string(x.Body) != test.kept || x.BodyCut != (len(test.body) > len(long)) || x.Err != nil {
				t.Errorf("%s: %d, got %d with %d bytes, cut: %v, %v", name, code, x.Status, len(x.Body), x.BodyCut, x.Err)
			}
		}
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 403, 500} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(code)
			_, _ = w.Write([]byte("half an ans"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		x := patch(t, newClient(t, configFor(server.URL)))
		if x.Status != code || string(x.Body) != "half an ans" || !errors.Is(x.Err, io.ErrUnexpectedEOF) || x.BodyCut {
			t.Errorf("got %d %q %v", x.Status, x.Body, x.Err)
		}
	}
}

// TestConnectionsAreUsedAgain tells that a long answer does not cost a connection, and a 503 does.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code, bytes int
		want        int32 // connections for three requests
	}{
		"short":       {200, 10, 1},
		"cut":         {200, 200 << 10, 1},
		"no end":      {200, 2 << 20, 3},
		"throttled":   {429, 10, 1},
		"failed":      {500, 10, 1},
		"unavailable": {503, 10, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				_, _ = w.Write(make([]byte, test.bytes))
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			client := newClient(t, configFor(server.URL))
			for range 3 {
				if x := patch(t, client); x.Status != test.code {
					t.Fatalf("%d %v", x.Status, x.Err)
				}
			}
			if got := connections.Load(); got != test.want {
				t.Errorf("got %d connections, want %d", got, test.want)
			}
		})
	}
}

// TestNoAnswer tells that one request is made, whatever becomes of it, and that nobody says it was never made.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(net.Conn){
		"reset":         func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"closed":        func(net.Conn) {},
		"no HTTP":       func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-OpenSSH\r\n")) },
		"half a header": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nConte")) },
		"endless header": func(c net.Conn) {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 80<<10) + "\r\n\r\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				end(conn)
				_ = conn.Close()
			})
			client := newClient(t, configFor(server.URL))
			for range 2 {
				x := patch(t, client)
				if !x.Sent || x.Status != 0 || x.Err == nil || x.Outcome() != graph.Transient || x.Problem() == "" {
					t.Errorf("sent %v, %d %s %v", x.Sent, x.Status, x.Outcome(), x.Err)
				}
			}
			if got := requests.Load(); got != 2 {
				t.Errorf("got %d requests, want 2", got)
			}
		})
	}
}

// TestKeptConnectionThatEnds tells that a request that meets the end of an idle connection is not made twice.
func TestKeptConnectionThatEnds(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		panic(http.ErrAbortHandler)
	})
	client := newClient(t, configFor(server.URL))
	get := func(t testing.TB, client *graph.Client) graph.Exchange {
		t.Helper()
		x, _, _ := client.Get(t.Context(), plain(), uuid.New())
		return x
	}
	for _, request := range []func(testing.TB, *graph.Client) graph.Exchange{patch, get} {
		requests.Store(0)
		first, second := patch(t, client), request(t, client)
		if first.Outcome() != graph.Applied || second.Outcome() != graph.Transient || requests.Load() != 2 {
			t.Errorf("%s, then %s %s (%v), after %d requests", first.Outcome(), second.Method, second.Outcome(), second.Err, requests.Load())
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	x := patch(t, newClient(t, configFor(server.URL)))
	if x.Status != 0 || x.Outcome() != graph.Transient || !strings.Contains(x.Problem(), "connection refused") {
		t.Errorf("%d %s %q", x.Status, x.Outcome(), x.Problem())
	}
}
