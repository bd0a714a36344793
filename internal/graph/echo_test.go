package graph_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"graphpatch/internal/graph"
)

// A gateway's error page that repeats the request is kept without the token in it.
func TestTokenIsNotKeptFromAnEcho(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s3cret.", 40)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Www-Authenticate", "Seen "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprintf(w, "You sent %s to %s.", r.Header.Get("Authorization"), r.URL.Path)
	})
	config := configFor(server.URL)
	config.Tokens = graph.StaticToken(secret)
	x := patch(t, newClient(t, config))
	if got, want := string(x.Body), "You sent Bearer *** to "+plainPath(t, x.URL, server.URL)+"."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if kept := string(x.KeptHeaders()); strings.Contains(kept, "s3cret") || !strings.Contains(kept, "Www-Authenticate: Seen Bearer ***") {
		t.Errorf("kept %s", kept)
	}
	if problem := x.Problem(); strings.Contains(problem, "s3cret") {
		t.Errorf("the problem is %s", problem)
	}
}

func plainPath(t *testing.T, address, root string) string {
	t.Helper()
	path, ok := strings.CutPrefix(address, root)
	if !ok {
		t.Fatalf("%s is not on %s", address, root)
	}
	return path
}
