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

// Custom is the name of a cloud that is in no table: the caller says where its Graph and its login service are.
const Custom = "custom"

// FindCloud returns the cloud of that name, and the root that its Graph is reached at. Other than a custom cloud's, a
// known one's Graph and login service have addresses of their own, which baseURL and authority replace if they are not
// empty. All faults are reported.
//
// Cloud.Root is what tokens are asked for. With another root in a known cloud, such as a gateway's, that stays the cloud's
// own, because the gateway leads there. Not so when the root is unencrypted, which only a simulator on this machine may
// be: a token that the real Graph would take is none of its business.
func FindCloud(name, baseURL, authority string) (cloud Cloud, root string, err error) {
	cloud, err = cloudByName(name, baseURL, authority)
	root = cloud.Root
	if baseURL != "" {
		root = baseURL
	}
	if authority != "" {
		cloud.Authority = authority
		err = errors.Join(err, checkAuthority(authority))
	}
	if strings.HasPrefix(strings.ToLower(root), "http:") {
		cloud.Root = root
	}
	return cloud, root, err
}

func cloudByName(name, baseURL, authority string) (Cloud, error) {
	if name == Custom {
		return customCloud(baseURL, authority)
	}
	var names []string
	for _, c := range Clouds() {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Cloud{}, fmt.Errorf("GRAPH_CLOUD: %q is no cloud: use one of %s, %s", name, strings.Join(names, ", "), Custom)
}

func customCloud(baseURL, authority string) (Cloud, error) {
	var faults []error
	if baseURL == "" {
		faults = append(faults, errors.New("GRAPH_CLOUD is custom: set GRAPH_BASE_URL to the root of its Graph"))
	} else if _, err := parseRoot(baseURL); err != nil {
		faults = append(faults, err)
	}
	if authority == "" {
		faults = append(faults, errors.New("GRAPH_CLOUD is custom: set AZURE_AUTHORITY_HOST to its login service"))
	}
	return Cloud{Custom, baseURL, authority}, errors.Join(faults...)
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
