package graph_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"graphpatch/internal/graph"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/userstatus"
)

func TestMain(m *testing.M) {
	_ = os.Unsetenv("MSAL_FORCE_REGION") // it would send logins past the test's own service
	goleak.VerifyTestMain(m)
}

const (
	token         = "opaque-token-4711"
	configuration = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	status        = "a0a0a0a0-b1b1-c2c2-d3d3-e4e4e4e4e4e4"
)

func configFor(root string) graph.Config {
	return graph.Config{
		Root: root, Version: "beta", Timeout: 20 * time.Second, UserAgent: "graphpatch/test", Connections: 4,
		Tokens: graph.StaticToken(token),
	}
}

func newClient(t testing.TB, config graph.Config) *graph.Client {
	t.Helper()
	client, err := graph.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func newSim(t testing.TB, config graphsim.Config) (*graphsim.Server, *graph.Client) {
	t.Helper()
	sim, err := graphsim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return sim, newClient(t, configFor(serve(t, sim.ServeHTTP).URL))
}

func plain() userstatus.Target {
	return userstatus.Target{Route: "plain", ConfigurationID: configuration, StatusID: status}
}

func wanted(t testing.TB) userstatus.Wanted {
	t.Helper()
	var w userstatus.Wanted
	for property, text := range map[userstatus.Properties]string{
		userstatus.UserDisplayName:      "User Display Name value",
		userstatus.DevicesCount:         "12",
		userstatus.Status:               "notApplicable",
		userstatus.LastReportedDateTime: "2017-01-01T00:00:17.7709231-08:00",
		userstatus.UserPrincipalName:    "User Principal Name value",
	} {
		if err := w.Set(property, text); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func patch(t testing.TB, client *graph.Client) graph.Exchange {
	t.Helper()
	return client.Patch(t.Context(), plain(), wanted(t), uuid.New())
}

// answering is a server that gives every request the same answer.
func answering(t testing.TB, code int, body string, headers ...string) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	})
}
