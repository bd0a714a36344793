package graph_test

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

// FuzzLink holds whatever link is followed against the host that a request for it would go to.
func FuzzLink(f *testing.F) {
	for _, link := range []string{
		"https://graph.microsoft.com/beta/x?$skiptoken=1", "https://graph.microsoft.com:443/", "https://GRAPH.microsoft.com/", "https://graph.microsoft.com@example.org/",
		"https://graph.microsoft.com.example.org/", "//example.org/", "http://graph.microsoft.com/", "https:graph.microsoft.com", "https://graph.microsoft.com\\@example.org/", "/beta", "",
	} {
		f.Add(link)
	}
	client := newClient(f, configFor("https://graph.microsoft.com"))
	f.Fuzz(func(t *testing.T, link string) {
		listing := client.List(plain())
		err := listing.Resume(link)
		if err != nil {
			if refused, ok := errors.AsType[*graph.LinkError](err); !ok || refused.Link != link || len(err.Error()) > 1000 {
				t.Errorf("%q: got %v", link, err)
			}
			return
		}
		if listing.Done() != (link == "") || listing.Link() != link {
			t.Errorf("%q: stands at %q", link, listing.Link())
		}
		if link == "" {
			return
		}
		r, err := http.NewRequest(http.MethodGet, link, http.NoBody)
		if err != nil {
			t.Fatalf("%q is followed, and cannot be: %v", link, err)
		}
		host, port, _ := strings.Cut(strings.ToLower(r.URL.Host), ":")
		if r.URL.Scheme != "https" || host != "graph.microsoft.com" || port != "" && port != "443" || r.URL.User != nil {
			t.Errorf("%q leads to %s", link, r.URL.Host)
		}
	})
}

// FuzzRoot holds whatever root is accepted against where the requests go.
func FuzzRoot(f *testing.F) {
	for _, root := range []string{"https://graph.microsoft.com", "https://graph.microsoft.com/", "http://127.0.0.1:8080/a%20b", "http://[::1]:1", "https://x/beta", "https://u:p@x", "https://x?y", "http://example.org", "https://x/../y", "x", ""} {
		f.Add(root)
	}
	f.Fuzz(func(t *testing.T, root string) {
		client, err := graph.New(configFor(root))
		if err != nil {
			return
		}
		want, err := url.Parse(root)
		if err != nil {
			t.Fatalf("%q is accepted: %v", root, err)
		}
		r, err := http.NewRequest(http.MethodPatch, client.Base()+"/x", http.NoBody)
		if err != nil {
			t.Fatalf("%q is accepted, and no request can be made: %v", root, err)
		}
		// A colon without a port is the scheme's port.
		if r.URL.Scheme != want.Scheme || r.URL.Host != strings.TrimSuffix(want.Host, ":") || r.URL.User != nil || r.URL.RawQuery != "" || !strings.HasSuffix(r.URL.Path, "/beta/x") {
			t.Errorf("%q leads to %s", root, r.URL)
		}
		if want.Scheme != "https" && !graph.IsLoopback(r.URL.Hostname()) {
			t.Errorf("%q would be sent in the clear", root)
		}
	})
}

// FuzzUsage holds the hints about a limit to what they can say.
func FuzzUsage(f *testing.F) {
	f.Add("0.8", "100, 100;w=20", "3", "limit=100, remaining=50, reset=5")
	f.Add("NaN", "0", "-1", "remaining=,limit=")
	f.Add("120%", "1e9", "4294967295", "limit=1,remaining=9")
	f.Fuzz(func(t *testing.T, percentage, limit, remaining, both string) {
		x := graph.Exchange{Status: 200, Header: http.Header{
			"X-Ms-Throttle-Limit-Percentage": {percentage}, "Ratelimit-Limit": {limit}, "Ratelimit-Remaining": {remaining}, "Ratelimit": {both},
		}}
		used, ok := x.Usage()
		if math.IsNaN(used) || used < 0 || used > 10 || !ok && used != 0 {
			t.Errorf("got %v, %v", used, ok)
		}
	})
}
