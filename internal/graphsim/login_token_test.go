package graphsim_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

// Time is a bubble's here, so the service is asked without a network.
func TestTokensEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{Login: &entra.Config{Lifetime: time.Minute, Says: time.Hour}, ClockOffset: 24 * time.Hour})
		token, expiresIn := formToken(t, sim)
		if expiresIn != 3600 {
			t.Errorf("it is said to be good for %d s", expiresIn)
		}
		ask1 := func() (int, string, string) {
			w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "Bearer "+token)
			e := decode[graphError](t, w.Body)
			return w.Code, e.Error.Message, w.Header().Get("Date")
		}
		time.Sleep(time.Minute - 1)
		if code, _, date := ask1(); code != http.StatusOK || date != "Sun, 02 Jan 2000 00:00:59 GMT" {
			t.Errorf("before its end: %d on %s", code, date)
		}
		time.Sleep(time.Nanosecond)
		if code, message, _ := ask1(); code != http.StatusUnauthorized || message != "Lifetime validation failed, the token is expired." {
			t.Errorf("at its end: %d %s", code, message)
		}
	})
}

func formToken(t *testing.T, sim *graphsim.Server) (token string, expiresIn int) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {entra.DefaultApp}, "client_secret": {entra.DefaultSecret}, "scope": {graphScope}}
	w := ask(sim.Login(), "POST", "/"+entra.DefaultTenant+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	answer := decode[struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}](t, w.Body)
	if answer.Token == "" {
		t.Fatalf("no token: %d", w.Code)
	}
	return answer.Token, answer.ExpiresIn
}

func TestTokensAccepted(t *testing.T) {
	sim := newSim(t, graphsim.Config{Login: &entra.Config{}})
	token, _ := formToken(t, sim)
	for _, test := range []struct {
		token, want string
	}{
		{token, ""},
		{"", "Access token is empty."},
		{"opaque", "IDX14100: JWT is not well formed, there are no dots (.)."},
		{token + "x", "Signing key is invalid."},
		{"a.b.c", "Signing key is invalid."},
	} {
		w := ask(sim, "GET", plainRoute, "", "Authorization", "Bearer "+test.token)
		if got := decode[graphError](t, w.Body).Error.Message; got != test.want {
			t.Errorf("%.10s: got %q, want %q", test.token, got, test.want)
		}
	}
	revoke := entra.Change{Revoke: "all"}
	if err := sim.Login().Apply(revoke); err != nil {
		t.Fatal(err)
	}
	renewed, _ := formToken(t, sim)
	for token, want := range map[string]int{token: http.StatusUnauthorized, renewed: http.StatusOK} {
		if w := ask(sim, "GET", plainRoute, "", "Authorization", "Bearer "+token); w.Code != want {
			t.Errorf("after revoking: %d, want %d", w.Code, want)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, test := range []struct {
		roles       []string
		read, write int
	}{
		{nil, 200, 200},
		{[]string{"DeviceManagementConfiguration.Read.All"}, 200, 403},
		{[]string{"User.Read.All"}, 403, 403},
		{[]string{entra.NoRole}, 403, 403},
	} {
		sim := newSim(t, graphsim.Config{Login: &entra.Config{Roles: test.roles}})
		token, _ := formToken(t, sim)
		read := ask(sim, "GET", plainRoute, "", "Authorization", "Bearer "+token)
		write := ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "Bearer "+token)
		if read.Code != test.read || write.Code != test.write {
			t.Errorf("%v: reads %d, writes %d", test.roles, read.Code, write.Code)
		}
		if write.Code != http.StatusForbidden {
			continue
		}
		inner := decode[struct{ Message string }](t, strings.NewReader(decode[graphError](t, write.Body).Error.Message))
		const want = "Application is not authorized to perform this operation. Application must have one of the following scopes: DeviceManagementConfiguration.ReadWrite.All - Operation ID (for customer support): "
		if !strings.HasPrefix(inner.Message, want) {
			t.Errorf("got %q, want it to begin %q", inner.Message, want)
		}
	}
}

// A renewed token is the same app and finds no fresh window.
func TestThrottledByApp(t *testing.T) {
	sim := newSim(t, graphsim.Config{Login: &entra.Config{}, WriteLimit: graphsim.Limit{Requests: 1, Window: time.Hour}})
	var got []int
	for range 2 {
		token, _ := formToken(t, sim)
		got = append(got, ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "Bearer "+token).Code)
	}
	if diff := cmp.Diff(got, []int{http.StatusOK, http.StatusTooManyRequests}); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
}
