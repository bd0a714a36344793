package graph

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// MaxTimeout bounds one request. A claim on a row is a lease of 90 s; a request that lasted longer than this could
// outlive it.
const MaxTimeout = 30 * time.Second

// Config says which Graph to talk to, and as whom.
type Config struct {
	Root        string        // e.g. https://graph.microsoft.com
	Version     string        // beta or v1.0
	Timeout     time.Duration // of one request, from asking for the token to the last byte of the answer; 30 s at most
	UserAgent   string
	Connections int // kept open between requests; at least as many as requests are under way at once
	Tokens      TokenSource
	CA          *x509.CertPool // nil: the system's
}

// Client sends requests to one Graph. It is safe for concurrent use.
type Client struct {
	base      string // root and version, no slash at the end
	version   string
	timeout   time.Duration
	userAgent string
	tokens    TokenSource
	transport atomic.Pointer[http.Transport]
}

// New checks the whole configuration and reports every fault in it.
func New(config Config) (*Client, error) {
	root, err := parseRoot(config.Root)
	if err := errors.Join(err, config.check()); err != nil {
		return nil, err
	}
	c := &Client{
		base:      strings.TrimRight(root.String(), "/") + "/" + config.Version,
		version:   config.Version,
		timeout:   config.Timeout,
		userAgent: config.UserAgent,
		tokens:    config.Tokens,
	}
	c.transport.Store(newTransport(config.Connections, config.CA))
	return c, nil
}

// check names every fault but those of the root.
func (c Config) check() error {
	var faults []error
	if c.Version != "beta" && c.Version != "v1.0" {
		faults = append(faults, fmt.Errorf("GRAPH_API_VERSION: %q is no version: use beta or v1.0", c.Version))
	}
	if c.Timeout <= 0 || c.Timeout > MaxTimeout {
		faults = append(faults, fmt.Errorf("GRAPH_TIMEOUT: %s is out of range: use up to %s", c.Timeout, MaxTimeout))
	}
	if c.UserAgent == "" || !isHeaderText(c.UserAgent) {
		faults = append(faults, fmt.Errorf("the user agent %q is no printable ASCII", c.UserAgent))
	}
	if c.Connections < 1 {
		faults = append(faults, fmt.Errorf("%d connections: at least one is needed", c.Connections))
	}
	switch tokens := c.Tokens.(type) {
	case nil:
		faults = append(faults, errors.New("no credentials for Graph"))
	case staticToken:
		faults = append(faults, tokens.check())
	}
	return errors.Join(faults...)
}

// isHeaderText reports whether s is printable ASCII. Anything else would make each request fail before it is sent.
func isHeaderText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// Close drops the idle connections.
func (c *Client) Close() { c.transport.Load().CloseIdleConnections() }

// Format writes where the client leads to, whatever the verb: what else is in it is in use, and none of a log's business.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "graph.Client("+c.base+")") }

// Serves reports whether the configured version of Graph has the route.
func (c *Client) Serves(route string) bool { return c.version == "beta" || route == userstatus.Plain }

// Patch asks for the wanted values of one status. id identifies the attempt, here and at Microsoft.
func (c *Client) Patch(ctx context.Context, target userstatus.Target, wanted userstatus.Wanted, id uuid.UUID) Exchange {
	return c.do(ctx, http.MethodPatch, c.statusURL(target), wanted.Body(), id)
}

// Base is where the client leads to: the root and the version.
func (c *Client) Base() string { return c.base }

func (c *Client) statusURL(t userstatus.Target) string {
	return c.url(append(c.collectionSegments(t), t.StatusID)...)
}

// collectionSegments are the path of the target's collection, below the configurations.
func (c *Client) collectionSegments(t userstatus.Target) []string {
	route, ok := userstatus.RouteByName(t.Route)
	if !ok {
		panic("graph: a target with an unknown route: " + t.Route)
	}
	segments := append(make([]string, 0, 8), t.ConfigurationID)
	segments = append(segments, route.Navigation...)
	if route.CertificateID {
		segments = append(segments, t.CertificateID)
	}
	return append(segments, "userStatuses")
}

// url escapes every segment: an id is data, whatever characters are in it. An empty one would address the whole
// collection, and a path step another resource; userstatus lets neither through, so meeting one is a fault of ours.
func (c *Client) url(segments ...string) string {
	var b strings.Builder
	b.Grow(512) // once, instead of while it grows
	b.WriteString(c.base)
	b.WriteString("/deviceManagement/deviceConfigurations")
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			panic(fmt.Sprintf("graph: a target with the id %q", s))
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}
