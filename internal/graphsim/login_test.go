package graphsim_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

// entraError is the body of a refusal.
type entraError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	Timestamp   string `json:"timestamp"`
	Trace       string `json:"trace_id"`
	Correlation string `json:"correlation_id"`
}

// refusalIn is what the login service answered through MSAL.
func refusalIn(t *testing.T, err error) (int, entraError) {
	t.Helper()
	call, ok := errors.AsType[msal.CallErr](err)
	if !ok {
		t.Fatalf("got %v, want an answer with an error", err)
	}
	return call.Resp.StatusCode, decode[entraError](t, call.Resp.Body)
}

func TestRefusalsByMSAL(t *testing.T) {
	cert := appCert(t, 1)
	stranger := appCert(t, 2)
	byCert := func(cert *x509.Certificate) confidential.Credential {
		cred, err := confidential.NewCredFromCert([]*x509.Certificate{cert}, appKey())
		if err != nil {
			t.Fatal(err)
		}
		return cred
	}
	byAssertion := func(text string) confidential.Credential {
		return confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) { return text, nil })
	}
	good := bySecret(t, entra.DefaultSecret)
	const otherTenant = "99999999-9999-4999-8999-999999999999"
	for _, test := range []struct {
		name        string
		login       entra.Config
		clock       time.Duration
		cred        confidential.Credential
		tenant, app string
		scope       string
		status      int
		oauth       string
		code        int
	}{
		{name: "wrong secret", cred: bySecret(t, "wrong"), status: 401, oauth: "invalid_client", code: 7000215},
		{name: "expired secret", login: entra.Config{Faults: []entra.Fault{{Kind: "expired-secret"}}}, cred: good, status: 401, oauth: "invalid_client", code: 7000222},
		{name: "unknown tenant", cred: good, tenant: otherTenant, status: 400, oauth: "invalid_request", code: 90002},
		{name: "unknown app", cred: good, app: otherTenant, status: 400, oauth: "unauthorized_client", code: 700016},
		{name: "scope of a user", cred: good, scope: "https://graph.microsoft.com/User.Read", status: 400, oauth: "invalid_scope", code: 70011},
		{name: "client's clock behind", clock: time.Hour, cred: byCert(cert), status: 401, oauth: "invalid_client", code: 700024},
		{name: "client's clock ahead", clock: -time.Hour, cred: byCert(cert), status: 401, oauth: "invalid_client", code: 700024},
		{name: "unknown certificate", cred: byCert(stranger), status: 401, oauth: "invalid_client", code: 700027},
		{name: "unknown federated token", cred: byAssertion(federated(t, "x")), status: 400, oauth: "invalid_request", code: 70021},
		{name: "no JWT", cred: byAssertion("text"), status: 400, oauth: "invalid_request", code: 50027},
		{name: "no discovery", login: entra.Config{Faults: []entra.Fault{{Kind: "no-discovery"}}}, cred: good, status: 404, oauth: "invalid_request", code: 90019},
		{name: "500", login: entra.Config{Faults: []entra.Fault{{Kind: "500"}}}, cred: good, status: 500, oauth: "temporarily_unavailable", code: 90033},
		{name: "503", login: entra.Config{Faults: []entra.Fault{{Kind: "503"}}}, cred: good, status: 503, oauth: "temporarily_unavailable", code: 90033},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.login.Certs = []*x509.Certificate{cert}
			site := startCloud(t, test.login, graphsim.Config{ClockOffset: test.clock})
			or := func(text, otherwise string) string {
				if text == "" {
					return otherwise
				}
				return text
			}
			app, err := confidential.New(site.LoginURL+"/"+or(test.tenant, entra.DefaultTenant), or(test.app, entra.DefaultApp), test.cred,
				confidential.WithHTTPClient(site.client), confidential.WithInstanceDiscovery(false))
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.AcquireTokenByCredential(t.Context(), []string{or(test.scope, graphScope)})
			status, said := refusalIn(t, err)
			if status != test.status || said.Error != test.oauth || !cmp.Equal(said.Codes, []int{test.code}) {
				t.Errorf("got %d %+v", status, said)
			}
			lines := strings.Split(said.Description, "\r\n")
			want := []string{lines[0], "Trace ID: " + said.Trace, "Correlation ID: " + said.Correlation, "Timestamp: " + said.Timestamp}
			if diff := cmp.Diff(lines, want); diff != "" || !strings.HasPrefix(lines[0], "AADSTS") || strings.Contains(lines[0], "%!") {
				t.Errorf("description %q, -got +want\n%s", said.Description, diff)
			}
		})
	}
}

// Bodies that MSAL would not send, and what an error must not tell.
func TestRefusalsByForm(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	for _, test := range []struct {
		change string // to a good request: name=value, or name= for none
		status int
		code   int
	}{
		{"", 200, 0},
		{"scope=https://graph.microsoft.com//.default", 200, 0},
		{"scope=00000003-0000-0000-c000-000000000000/.default", 200, 0},
		{"grant_type=password", 400, 70003},
		{"grant_type=", 400, 70003},
		{"client_secret=", 401, 7000218},
		{"scope=", 400, 70011},
		{"scope=graph/.default", 400, 70011},
		{"claims={", 400, 90023},
		{"grant_type=refresh_token", 400, 50173},
		{"grant_type=device_code", 400, 70000},
	} {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {entra.DefaultApp}, "client_secret": {entra.DefaultSecret}, "scope": {graphScope}}
		if name, value, found := strings.Cut(test.change, "="); found {
			form.Set(name, value)
		}
		answer, err := site.client.PostForm(site.LoginURL+"/"+entra.Domain+"/oauth2/v2.0/token", form)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		var said entraError
		_ = json.Unmarshal(text, &said)
		if answer.StatusCode != test.status || test.code != 0 && !cmp.Equal(said.Codes, []int{test.code}) {
			t.Errorf("%q: got %d %s", test.change, answer.StatusCode, text)
		}
		if strings.Contains(string(text), entra.DefaultSecret) {
			t.Errorf("%q: the secret is in %s", test.change, text)
		}
	}
	stats := site.sim.Stats()
	if stats.Logins != 3 || stats.LoginFailures != 8 {
		t.Errorf("%d logins, %d failures", stats.Logins, stats.LoginFailures)
	}
}

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
