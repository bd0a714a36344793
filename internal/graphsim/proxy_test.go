package graphsim_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

// TestProxyConnectsNowhere speaks with the proxy by hand.
func TestProxyConnectsNowhere(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	for _, test := range []struct {
		request string
		want    int
	}{
		{"CONNECT graph.microsoft.com:443 HTTP/1.1\r\nHost: graph.microsoft.com:443\r\n\r\n", 200},
		{"CONNECT GRAPH.microsoft.com:443 HTTP/1.1\r\nHost: GRAPH.microsoft.com:443\r\n\r\n", 200},
		{"CONNECT login.chinacloudapi.cn:443 HTTP/1.1\r\nHost: login.chinacloudapi.cn:443\r\n\r\n", 200},
		{"CONNECT graph.microsoft.com:80 HTTP/1.1\r\nHost: graph.microsoft.com:80\r\n\r\n", 403},
		{"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 403},
		{"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", 403},
		{"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", 403},
		{"GET http://graph.microsoft.com/beta HTTP/1.1\r\nHost: graph.microsoft.com\r\n\r\n", 403},
		{"GET /metadata/identity/oauth2/token HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 403}, // not as to a proxy
		{"GET http://169.254.169.254/metadata/identity/oauth2/token HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 400},
	} {
		if got := bySocket(t, site.ProxyURL, test.request); got != test.want {
			t.Errorf("%q: got %d, want %d", test.request, got, test.want)
		}
	}
	if got, want := site.sim.Stats().ProxyRefused, uint64(6); got != want {
		t.Errorf("%d refused, want %d", got, want)
	}
}

func bySocket(t *testing.T, proxyURL, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(proxyURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestBehindTheProxy(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{Statuses: 1})
	answer, _ := graph(t, site.cloud, http.MethodGet, "https://graph.microsoft.com", site.token(t))
	if answer.StatusCode != http.StatusNotFound || answer.Proto != "HTTP/2.0" {
		t.Errorf("got %d by %s", answer.StatusCode, answer.Proto)
	}
	for _, test := range []struct {
		url, host string
		want      int
	}{
		{"https://graph.microsoft.com/_sim/stats", "", http.StatusMisdirectedRequest},
		{"https://graph.microsoft.com/beta", "example.com", http.StatusMisdirectedRequest},
		{"https://login.microsoftonline.us/" + entra.Domain + "/v2.0/.well-known/openid-configuration", "", http.StatusOK},
	} {
		r, err := http.NewRequest(http.MethodGet, test.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = test.host
		answer, err := site.cloud.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%s, %s: got %d, want %d", test.url, test.host, answer.StatusCode, test.want)
		}
	}
}

// A proxy without a login service stands for Graph, where a token is brought along.
func TestProxyWithoutLogin(t *testing.T) {
	sim := newSim(t, graphsim.Config{ProxyAddr: "127.0.0.1:0"})
	site, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"graph.microsoft.us": 200, "login.microsoftonline.us": 403} {
		if got := bySocket(t, site.ProxyURL, "CONNECT "+host+":443 HTTP/1.1\r\nHost: "+host+":443\r\n\r\n"); got != want {
			t.Errorf("%s: got %d, want %d", host, got, want)
		}
	}
	if err := site.Stop(); err != nil {
		t.Error(err)
	}
	if site.LoginURL != "" {
		t.Error(site.LoginURL)
	}
}

// What cannot be opened leaves nothing open.
func TestStartOpensAllOrNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	_, err = newSim(t, graphsim.Config{Addr: addr, ProxyAddr: taken.Addr().String()}).Start(t.Context())
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v", err)
	}
	site, err := newSim(t, graphsim.Config{Addr: addr}).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Stop(); err != nil {
		t.Error(err)
	}
}
