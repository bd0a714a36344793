package graphsim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"graphpatch/internal/graphsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	plainRoute = "/beta/deviceManagement/deviceConfigurations/c1/userStatuses"

	// documentedBody is Microsoft's example, byte for byte.
	documentedBody = `{
  "@odata.type": "#microsoft.graph.deviceConfigurationUserStatus",
  "userDisplayName": "User Display Name value",
  "devicesCount": 12,
  "status": "notApplicable",
  "lastReportedDateTime": "2017-01-01T00:00:17.7709231-08:00",
  "userPrincipalName": "User Principal Name value"
}`
)

func newSim(t testing.TB, config graphsim.Config) *graphsim.Server {
	t.Helper()
	sim, err := graphsim.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// ask sends a request to the handler itself. Headers come as name, value pairs
// on top of a token and, with a body, a content type; an empty value takes a
// header away.
func ask(sim http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w
}

type graphError struct {
	Error struct {
		Code, Message string
		InnerError    map[string]string
	}
}

func decode[T any](t testing.TB, text io.Reader) T {
	t.Helper()
	var value T
	if err := json.NewDecoder(text).Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
