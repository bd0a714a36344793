package graph_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graph"
)

func TestClouds(t *testing.T) {
	t.Parallel()
	want := []graph.Cloud{
		{"global", "https://graph.microsoft.com", "https://login.microsoftonline.com"},
		{"usgov", "https://graph.microsoft.us", "https://login.microsoftonline.us"},
		{"usgovdod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"},
		{"china", "https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"},
	}
	if diff := cmp.Diff(graph.Clouds(), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	for _, cloud := range want {
		if got, root, err := graph.FindCloud(cloud.Name, "", ""); got != cloud || root != cloud.Root || err != nil {
			t.Errorf("%s: got %v at %s, %v", cloud.Name, got, root, err)
		}
		config := configFor(cloud.Root)
		newClient(t, config)
	}
}

func TestFindCloud(t *testing.T) {
	t.Parallel()
	const (
		global, login = "https://graph.microsoft.com", "https://login.microsoftonline.com"
		gateway, own  = "https://gateway.example.com/graph", "https://login.example.com/"
		simulator     = "http://127.0.0.1:8080"
	)
	for name, test := range map[string]struct {
		cloud, root, authority string
		want                   graph.Cloud // Root is what tokens are for
		err                    string
	}{
		"known":               {"global", "", "", graph.Cloud{"global", global, login}, ""},
		"through a gateway":   {"global", gateway, "", graph.Cloud{"global", global, login}, ""},
		"another login":       {"global", "", own, graph.Cloud{"global", global, own}, ""},
		"a simulator":         {"global", simulator, own, graph.Cloud{"global", simulator, own}, ""},
		"custom":              {"custom", gateway, own, graph.Cloud{"custom", gateway, own}, ""},
		"custom, but nothing": {"custom", "", "", graph.Cloud{}, "GRAPH_CLOUD is custom: set GRAPH_BASE_URL to the root of its Graph\nGRAPH_CLOUD is custom: set AZURE_AUTHORITY_HOST to its login service"},
		"custom, all wrong":   {"custom", "ftp://x", "http://y", graph.Cloud{}, "GRAPH_BASE_URL is no https URL: write it like https://graph.microsoft.com\nAZURE_AUTHORITY_HOST is no https URL: write it like https://login.microsoftonline.com"},
		"a login with a path": {"global", "", login + "/" + tenant.String(), graph.Cloud{}, "AZURE_AUTHORITY_HOST has more than scheme and host: write it like https://login.microsoftonline.com"},
		"unknown":             {"Global", "", "", graph.Cloud{}, `GRAPH_CLOUD: "Global" is no cloud: use one of global, usgov, usgovdod, china, custom`},
	} {
		got, _, err := graph.FindCloud(test.cloud, test.root, test.authority)
		if test.err == "" && (err != nil || got != test.want) || test.err != "" && (err == nil || err.Error() != test.err) {
			t.Errorf("%s: got %v, %v, want %v, %s", name, got, err, test.want, test.err)
		}
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	const (
		noURL       = "GRAPH_BASE_URL is no https URL"
		tooMuch     = "GRAPH_BASE_URL has more than scheme, host and path"
		unencrypted = "is not encrypted"
		versioned   = "ends with a version"
	)
	for root, want := range map[string]string{
		"https://graph.microsoft.com":        "",
		"https://graph.microsoft.com/":       "",
		"https://graph.microsoft.com:443":    "",
		"https://proxy.example.com/graph/":   "",
		"http://localhost:8080":              "",
		"http://LOCALHOST":                   "",
		"http://127.0.0.1:8080":              "",
		"http://127.8.9.10":                  "",
		"http://[::1]:8080":                  "",
		"http://[::ffff:127.0.0.1]":          "",
		"http://graph.microsoft.com":         unencrypted,
		"http://127.0.0.1.example.com":       unencrypted,
		"http://localhost.example.com":       unencrypted,
		"http://notlocalhost":                unencrypted,
		"http://10.0.0.1":                    unencrypted,
		"http://0.0.0.0":                     unencrypted,
		"http://[::]":                        unencrypted,
		"http://2130706433":                  unencrypted,
		"http://127.1":                       unencrypted,
		"https://graph.microsoft.com/beta":   versioned,
		"https://graph.microsoft.com/v1.0/":  versioned,
		"https://graph.microsoft.com?":       tooMuch,
		"https://graph.microsoft.com?a=b":    tooMuch,
		"https://graph.microsoft.com#a":      tooMuch,
		"https://user@graph.microsoft.com":   tooMuch,
		"https://user:pass4711@host":         tooMuch,
		"":                                   noURL,
		"graph.microsoft.com":                noURL,
		"graph.microsoft.com:443":            noURL,
		"//graph.microsoft.com":              noURL,
		"https:graph.microsoft.com":          noURL,
		"https://":                           noURL,
		"https://:443":                       noURL,
		"ftp://user:pass4711@host":           noURL,
		"https://user:pass4711@ho st":        noURL,
		"https://user:pass4711%zz@host":      noURL,
		"https:user:pass4711@host":           noURL,
		"https://graph.microsoft.com\x7f/":   noURL,
		"https://graph.microsoft.com:port/":  noURL,
		"https://graph.microsoft.com/\r\nA:": noURL,
	} {
		_, err := graph.New(configFor(root))
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", root, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want %s", root, err, want)
		case err != nil && strings.Contains(err.Error(), "pass4711"):
			t.Errorf("%q: the password stands in: %v", root, err)
		}
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := graph.New(graph.Config{Root: "http://elsewhere", Version: "v2.0", Timeout: 31 * time.Second, UserAgent: "a\r\nb"})
	want := strings.Join([]string{
		`GRAPH_BASE_URL: "http://elsewhere" is not encrypted: http is accepted for this machine only (localhost, 127.0.0.1)`,
		`GRAPH_API_VERSION: "v2.0" is no version: use beta or v1.0`,
		`GRAPH_TIMEOUT: 31s is out of range: use up to 30s`,
		`the user agent "a\r\nb" is no printable ASCII`,
		`0 connections: at least one is needed`,
		`no credentials for Graph`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	for _, timeout := range []time.Duration{0, -time.Second} {
		config := configFor("https://graph.microsoft.com")
		config.Timeout = timeout
		if _, err := graph.New(config); err == nil {
			t.Errorf("a timeout of %s was accepted", timeout)
		}
	}
}
