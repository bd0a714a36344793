package graph

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// newTransport keeps as many idle connections as there are requests under way: with fewer, each request pays for a new
// connection. Compression is off so that the audit has the answer as it came.
func newTransport(connections int, ca *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		// All requests share one connection of HTTP/2. If it dies without a word, only a ping finds out; otherwise every
		// request would hang on it until TCP gives up, a quarter of an hour later.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// do sends one request and returns what went over the wire. It is the only function that touches the network. It uses
// the transport itself, because a client would follow redirects, or lose the status of one that it cannot follow.
func (c *Client) do(ctx context.Context, method, url string, body []byte, id uuid.UUID) Exchange {
	x, _ := c.doLarge(ctx, method, url, body, id, maxBody)
	return x
}

// doLarge is do for an answer that may be longer than what an Exchange keeps: whole is its body, up to most bytes, and nil
// if it is longer or broke off.
func (c *Client) doLarge(ctx context.Context, method, url string, body []byte, id uuid.UUID, most int64) (x Exchange, whole []byte) {
	x = Exchange{Method: method, URL: url, RequestBody: body, ClientRequestID: id, SentAt: time.Now()}
	limited, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no complete answer within %s", c.timeout))
	defer cancel()
	req, err := c.request(limited, &x)
	if err != nil {
		x.Err = err
		return x, nil
	}
	transport := c.transport.Load()
	x.SentAt, x.Sent = time.Now(), true
	resp, err := transport.RoundTrip(req)
	if err == nil {
		x.Status, x.Header = resp.StatusCode, resp.Header
		whole, err = readBody(resp.Body, most)
		resp.Body.Close()
		whole = hideEcho(req, x.Header, whole)
		x.Body, x.BodyCut = whole[:min(len(whole), maxBody)], len(whole) > maxBody
	}
	x.Elapsed = time.Since(x.SentAt)
	x.Err = explain(limited, ctx, err)
	c.noteToken(x)
	c.renew(transport, x.Status)
	if err != nil || int64(len(whole)) > most {
		whole = nil
	}
	return x, whole
}

// tokenTime is how long a request may be held up by its token. One that waited longer has lost its slot: after a slow
// login all that waited for it would leave at once, and the window would hold more than the limit.
const tokenTime = 200 * time.Millisecond

// request is the request of x, with the token in it, whose number is noted in x. The error is a *TokenError.
func (c *Client) request(ctx context.Context, x *Exchange) (*http.Request, error) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return nil, asTokenError(err)
	}
	if waited := time.Since(x.SentAt); waited > tokenTime {
		return nil, &TokenError{Err: fmt.Errorf("it took %s to get, and the time to send had passed", waited.Round(time.Millisecond))}
	}
	// In a wrapper also when it is empty: a GET without a body is sent again by the transport itself when a kept connection
	// ends under it. Nothing of an empty body goes over the wire.
	req, err := http.NewRequestWithContext(ctx, x.Method, x.URL, io.NopCloser(bytes.NewReader(x.RequestBody)))
	if err != nil {
		panic("graph: " + err.Error()) // method and URL are ours, the ids in it escaped
	}
	// With it the transport would send the body again by itself, requests that nobody announced: six of them for a stream
	// that an HTTP/2 server refuses, thousands for one that it answers with a protocol error.
	req.GetBody = nil
	req.ContentLength = int64(len(x.RequestBody))
	x.token = token.Number
	req.Header.Set("Authorization", "Bearer "+token.Text.Reveal())
	req.Header.Set("Accept", "application/json")
	if x.RequestBody != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Client-Request-Id", x.ClientRequestID.String())
	req.Header.Set("User-Agent", c.userAgent)
	return req, nil
}

// renew has the requests after a 503 go over new connections, as Microsoft asks for: what fails may be the gateway that
// the old ones lead to. Requests that are still under way finish on theirs.
func (c *Client) renew(used *http.Transport, status int) {
	if status == http.StatusServiceUnavailable {
		c.transport.CompareAndSwap(used, used.Clone())
	}
	if c.transport.Load() != used {
		used.CloseIdleConnections()
	}
}

// errStopped says that the caller did not wait for the answer.
var errStopped = errors.New("stopped while waiting for the answer")

// explain gives a broken exchange its cause in plain words; stopped by the caller is told apart from too slow.
func explain(limited, caller context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case caller.Err() != nil:
		return fmt.Errorf("%w: %w", errStopped, context.Cause(caller))
	case limited.Err() != nil:
		return context.Cause(limited)
	}
	return err
}

const (
	// maxHeader is how long all headers of an answer may be together, those of informational answers before it included:
	// Graph's take 1 KiB.
	maxHeader = 64 << 10
	// maxBody is how much of an answer is kept. A status object takes 300 bytes, an error 2 KiB.
	maxBody = 64 << 10
	// drainLimit is how much more of a long answer is read to keep its connection usable.
	drainLimit = 256 << 10
)

// readBody returns up to most bytes and one more that says there are others, and drains a little of those, otherwise the
// connection could not be used again.
func readBody(body io.Reader, most int64) (kept []byte, err error) {
	kept, err = io.ReadAll(io.LimitReader(body, most+1))
	if int64(len(kept)) <= most {
		return kept, err
	}
	_, err = io.CopyN(io.Discard, body, drainLimit)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return kept, err
}
