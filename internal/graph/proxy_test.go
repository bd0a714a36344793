package graph_test

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graph"
)

const proxied = "GRAPHPATCH_TEST_PROXIED"

// TestThroughTheProxy tells that requests and logins go to each cloud's own hosts, by way of the proxy there is. Go reads
// the environment's proxy once in a process, so the requests are made by another one: this test again.
func TestThroughTheProxy(t *testing.T) {
	if os.Getenv(proxied) != "" {
		reachEveryCloud(t)
		return
	}
	var mu sync.Mutex
	var got []string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusForbidden)
	})
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestThroughTheProxy$")
	child.Env = append(os.Environ(), proxied+"=1", "HTTPS_PROXY="+proxy.URL, "https_proxy=", "NO_PROXY=", "no_proxy=")
	if output, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var want []string
	for _, cloud := range graph.Clouds() {
		for _, root := range []string{cloud.Authority, cloud.Root} {
			want = append(want, "CONNECT "+strings.TrimPrefix(root, "https://")+":443")
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(got), slices.Compact(want)); diff != "" {
		t.Errorf("asked of the proxy (-got +want):\n%s", diff)
	}
}

func reachEveryCloud(t *testing.T) {
	for _, cloud := range graph.Clouds() {
		tokens := newTokens(t, graph.CredentialConfig{
			Kind: graph.ClientSecret, Tenant: tenant, ClientID: "client-1", Secret: graph.NewSecret(clientSecret), Cloud: cloud,
		})
		if _, err := tokens.Token(t.Context()); err == nil {
			t.Errorf("%s: a token from nowhere", cloud.Name)
		}
		if x := patch(t, newClient(t, configFor(cloud.Root))); x.Status != 0 {
			t.Errorf("%s: an answer from nowhere", cloud.Name)
		}
	}
}
