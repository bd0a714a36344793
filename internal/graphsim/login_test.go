package graphsim_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

func TestLoginFaultsAndTheirEnd(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	ask := func() (*http.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, site.LoginURL+"/"+entra.DefaultTenant+"/oauth2/v2.0/token", strings.NewReader(url.Values{
			"grant_type": {"client_credentials"}, "client_id": {entra.DefaultApp}, "client_secret": {entra.DefaultSecret}, "scope": {graphScope},
		}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := site.client.Do(r)
		if err == nil {
			answer.Body.Close()
		}
		return answer, err
	}
	for _, test := range []struct {
		fault  string
		status int
		header string // Retry-After
	}{
		{"429", 429, "2"}, {"429-bare", 429, ""}, {"500", 500, ""}, {"503", 503, ""}, {"html", 200, ""}, {"expired-secret", 401, ""}, {"reset", 0, ""},
	} {
		site.change(t, `{"faults":["`+test.fault+`:first=1"]}`)
		answer, err := ask()
		if test.status == 0 {
			if err == nil {
				t.Errorf("%s: got %d", test.fault, answer.StatusCode)
			}
		} else if err != nil || answer.StatusCode != test.status || answer.Header.Get("Retry-After") != test.header {
			t.Errorf("%s: got %v, %v", test.fault, answer, err)
		}
		if l := site.lastLogin(t); l.Fault != test.fault || l.Status != test.status || l.TokenID != "" {
			t.Errorf("%s: %+v", test.fault, l)
		}
		if answer, err := ask(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("after %s: %v, %v", test.fault, answer, err)
		}
	}
	if stats := site.sim.Stats(); stats.LoginFailures != 7 || stats.Logins != 7 {
		t.Errorf("%d failures, %d logins", stats.LoginFailures, stats.Logins)
	}
}

func TestLoginThatHangs(t *testing.T) {
	site := startCloud(t, entra.Config{Faults: []entra.Fault{{Kind: "hang"}}}, graphsim.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := site.app(t, bySecret(t, entra.DefaultSecret)).AcquireTokenByCredential(ctx, []string{graphScope})
		ended <- err
	}()
	for len(site.sim.Login().Logins(0)) == 0 {
		select {
		case err := <-ended:
			t.Fatalf("did not hang: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLoginLogAndReset(t *testing.T) {
	sim := newSim(t, graphsim.Config{Login: &entra.Config{}})
	token, _ := formToken(t, sim)
	formToken(t, sim)
	text := ask(sim, "GET", "/_sim/logins?since=1", "").Body.String()
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, `{"seq":2,`) || strings.Contains(text, entra.DefaultSecret) || strings.Contains(text, token) {
		t.Error(text)
	}
	if w := ask(sim, "GET", "/_sim/logins?since=x", ""); w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
	if w := ask(sim, "POST", "/_sim/login", `{"secret":"other","faults":["503"],"roles":["none"]}`); w.Code != http.StatusNoContent {
		t.Error(w.Code, w.Body)
	}
	sim.Reset()
	formToken(t, sim) // the first secret, no fault
	if s := sim.Stats(); s.Logins != 1 || len(sim.Login().Logins(0)) != 1 {
		t.Errorf("%+v", s)
	}
	if w := ask(sim, "GET", plainRoute, "", "Authorization", "Bearer "+token); w.Code != http.StatusUnauthorized {
		t.Errorf("a token from before: %d", w.Code)
	}
}

func TestFaultyChanges(t *testing.T) {
	sim := newSim(t, graphsim.Config{Login: &entra.Config{}})
	for body, want := range map[string]string{
		`[]`:                           "want a JSON object",
		`{"what":1}`:                   `unknown field "what"`,
		`{"faults":["418"]}`:           `login fault kind "418" is unknown`,
		`{"secret":""}`:                "secret: must not be empty",
		`{"revoke":"some"}`:            `revoke "some"`,
		`{"roles":["a b","none"]}`:     `login role "a b"`,
		`{"secret":"x","revoke":"no"}`: `revoke "no"`,
	} {
		if w := ask(sim, "POST", "/_sim/login", body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	formToken(t, sim) // the secret is still the old one: all or nothing
}

func TestWithoutLogin(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, path := range []string{"/_sim/logins", "/_sim/login"} {
		if w := ask(sim, "GET", path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := ask(sim, "GET", "/msi/token", ""); w.Code != http.StatusBadRequest {
		t.Errorf("/msi/token: %d", w.Code)
	}
	if w := ask(sim, "GET", "/_sim/ca", ""); !strings.HasPrefix(w.Body.String(), "-----BEGIN CERTIFICATE-----") {
		t.Error(w.Body)
	}
}

func TestLoginConfigIsChecked(t *testing.T) {
	_, err := graphsim.New(graphsim.Config{
		Tokens: []string{"t"}, Login: &entra.Config{}, LoginAddr: "0.0.0.0:1", ProxyAddr: "10.0.0.1:1",
	})
	if err == nil {
		t.Fatal("no error")
	}
	const rest = ` is not loopback: the simulator must not be reachable by others, unless it is made public on purpose`
	want := []string{
		`login address "0.0.0.0:1"` + rest, `proxy address "10.0.0.1:1"` + rest,
		"tokens: with a login service only its own are accepted",
	}
	if diff := cmp.Diff(strings.Split(err.Error(), "\n"), want); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
}
