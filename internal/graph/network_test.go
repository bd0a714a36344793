package graph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
)

func TestExplainNetwork(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	const (
		refused = "login.example:8443 refuses connections: look at AZURE_AUTHORITY_HOST, firewalls and HTTPS_PROXY"
		slow    = "login.example:8443 did not answer in time: look at firewalls and HTTPS_PROXY"
	)
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"refused":         {dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), refused},
		"no such host":    {dial(&net.DNSError{Name: "login.example", IsNotFound: true}), "there is no host login.example, or no name service: look at AZURE_AUTHORITY_HOST, GRAPH_CLOUD and this machine's network"},
		"slow names":      {dial(&net.DNSError{Name: "login.example", IsTimeout: true}), slow},
		"slow to connect": {dial(os.ErrDeadlineExceeded), slow},
		"slow to answer":  {context.DeadlineExceeded, slow},
		"no proxy":        {&net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("connection refused")}, "the proxy cannot be reached: look at HTTPS_PROXY and NO_PROXY: connection refused"},
		"proxy refuses":   {errors.New("Proxy Authentication Required"), "login.example:8443 cannot be reached: Proxy Authentication Required"},
	} {
		wrapped := fmt.Errorf("server response error:\n %w", &url.Error{Op: "Post", URL: "https://login.example:8443/t?x=hidden", Err: test.err})
		if got := explainNetwork(wrapped); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	if got := explainNetwork(errors.New("something else")); got != "" {
		t.Errorf("got %s", got)
	}
}

// TestLogoutStays tells that a login that was under way when the file was removed does not bring it back.
func TestLogoutStays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "login.json")
	if err := (fileCache{file}).Export(t.Context(), nil, cache.ExportHints{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is back: %v", err)
	}
}
