package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name   string
		ping   error
		path   string
		status int
		body   string
	}{
		{"well", nil, "/healthz", http.StatusOK, "ok\n"},
		{"without its database", errors.New("password wrong for user x"), "/healthz", http.StatusServiceUnavailable, "the database does not answer\n"},
		{"another page", nil, "/", http.StatusNotFound, "404 page not found\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Listen(t.Context(), "127.0.0.1:0", func(context.Context) error { return c.ping })
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			status, body := get(t, "http://"+s.Addr()+c.path)
			if status != c.status || body != c.body {
				t.Errorf("got %d %q, want %d %q", status, body, c.status, c.body)
			}
		})
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAddressTaken(t *testing.T) {
	first, err := Listen(t.Context(), "127.0.0.1:0", func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Listen(t.Context(), first.Addr(), nil); err == nil || !strings.Contains(err.Error(), "--listen "+first.Addr()) {
		t.Errorf("got %v, want an error that names --listen", err)
	}
}
