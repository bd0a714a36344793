package graphsim_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
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
