package graph_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"graphpatch/internal/graph"
)

// serveTLS starts a server and returns a client that trusts it.
func serveTLS(t *testing.T, handler http.Handler, adapt func(*httptest.Server)) *graph.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a handshake that fails is part of the test
	adapt(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, configFor(server.URL))
	client.Trust(trusting(server))
	return client
}

func trusting(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	var proto atomic.Value
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto.Store(r.Proto) })
	for name, test := range map[string]struct {
		adapt func(*httptest.Server)
		proto string // "" when there is no way to talk
	}{
		"1.1": {func(s *httptest.Server) { s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, ""},
		"1.2": {func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS12 }, "HTTP/1.1"},
		"1.3": {func(s *httptest.Server) { s.TLS.MinVersion = tls.VersionTLS13 }, "HTTP/1.1"},
		"h2":  {func(s *httptest.Server) { s.EnableHTTP2 = true }, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			x := patch(t, serveTLS(t, handler, test.adapt))
			if test.proto == "" {
				if x.Status != 0 || x.Outcome() != graph.Transient || !strings.Contains(x.Problem(), "tls: ") {
					t.Errorf("got %d %s", x.Status, x.Problem())
				}
				return
			}
			if x.Status != http.StatusOK || proto.Load() != test.proto {
				t.Errorf("got %d over %v, %v", x.Status, proto.Load(), x.Err)
			}
		})
	}
}

func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	client := serveTLS(t, http.NotFoundHandler(), func(*httptest.Server) {})
	client.Trust(x509.NewCertPool())
	if x := patch(t, client); x.Status != 0 || !strings.Contains(x.Problem(), "certificate") {
		t.Errorf("got %d %s", x.Status, x.Problem())
	}
}

// TestRefusedStreamIsOneRequest tells that a stream which the server refuses is not sent again by the transport.
func TestRefusedStreamIsOneRequest(t *testing.T) {
	t.Parallel()
	const (
		headers, rstStream, settings = 1, 3, 4
		ack                          = 1
		protocolError, refusedStream = 1, 7
	)
	for name, code := range map[string]uint32{"protocol error": protocolError, "refused stream": refusedStream} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var streams atomic.Int32
			server := func(conn net.Conn) {
				if _, err := io.ReadFull(conn, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
					return
				}
				writeFrame(conn, settings, 0, 0, nil)
				for {
					kind, flags, stream, err := readFrame(conn)
					switch {
					case err != nil:
						return
					case kind == settings && flags&ack == 0:
						writeFrame(conn, settings, ack, 0, nil)
					case kind == headers:
						streams.Add(1)
						writeFrame(conn, rstStream, 0, stream, binary.BigEndian.AppendUint32(nil, code))
					}
				}
			}
			client := serveTLS(t, http.NotFoundHandler(), func(s *httptest.Server) {
				s.TLS.NextProtos = []string{"h2"}
				s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
					"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { server(conn) },
				}
			})
			x := patch(t, client)
			if x.Status != 0 || x.Outcome() != graph.Transient || streams.Load() != 1 {
				t.Errorf("got %d %v after %d streams", x.Status, x.Err, streams.Load())
			}
		})
	}
}

func writeFrame(w io.Writer, kind, flags byte, stream uint32, payload []byte) {
	frame := []byte{0, 0, byte(len(payload)), kind, flags}
	frame = binary.BigEndian.AppendUint32(frame, stream)
	_, _ = w.Write(append(frame, payload...))
}

func readFrame(r io.Reader) (kind, flags byte, stream uint32, err error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, 0, 0, err
	}
	length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
	_, err = io.CopyN(io.Discard, r, length)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]), err
}
