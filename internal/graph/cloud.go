package graph

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
)

// Cloud is one of Microsoft's clouds: where Graph answers and where its tokens come from. Tokens are not
// interchangeable between clouds.
type Cloud struct {
	Name      string
	Root      string // of Graph, without a version
	Authority string // of the login service
}

// Clouds returns the four clouds of Microsoft's documentation on national deployments.
func Clouds() []Cloud {
	return []Cloud{
		{"global", "https://graph.microsoft.com", "https://login.microsoftonline.com"},
		{"usgov", "https://graph.microsoft.us", "https://login.microsoftonline.us"},
		{"usgovdod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"},
		{"china", "https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"},
	}
}

// CloudByName returns the cloud of that name; the error names all four.
func CloudByName(name string) (Cloud, error) {
	var names []string
	for _, c := range Clouds() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Cloud{}, fmt.Errorf("GRAPH_CLOUD: %q is no cloud: use one of %s", name, strings.Join(names, ", "))
}

// parseRoot checks the root that tokens and updates are sent to. Plain http is for a simulator on this machine only:
// anywhere else it would put the token on the wire for all to read. A root is not shown where it may hold a password.
func parseRoot(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("GRAPH_BASE_URL is no https URL: write it like https://graph.microsoft.com")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, errors.New("GRAPH_BASE_URL has more than scheme, host and path: write it like https://graph.microsoft.com")
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return nil, fmt.Errorf("GRAPH_BASE_URL: %q is not encrypted: http is accepted for this machine only (localhost, 127.0.0.1)", s)
	}
	if last := path.Base(u.Path); last == "beta" || last == "v1.0" {
		return nil, fmt.Errorf("GRAPH_BASE_URL: %q ends with a version: leave it out, GRAPH_API_VERSION says it", s)
	}
	return u, nil
}

// IsLoopback reports whether host, a name or an address without port, is this machine.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
