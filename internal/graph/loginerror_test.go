package graph_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"graphpatch/internal/graph"
)

// refusing answers a login as Microsoft's service does.
func refusing(status, number int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q,"error_description":"AADSTS%d: Something.\r\nTrace ID: 1","error_codes":[%d],"trace_id":"1"}`, code, number, number)
	}
}

// TestAdvice walks every entry of the table: each refusal comes with advice in which nothing was left to fill in.
func TestAdvice(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for number, advice := range graph.LoginAdvice {
		a.answers(refusing(http.StatusUnauthorized, number, "invalid_client"))
		_, err := a.tokens(t).Token(t.Context())
		rest, found := strings.CutPrefix(fmt.Sprint(err), fmt.Sprintf("no token for Graph: the login service answered 401: invalid_client: AADSTS%d: Something. ", number))
		if !found || rest == "" || strings.ContainsAny(rest, "{}\n") || !strings.HasSuffix(rest, ".") || strings.Contains(advice, "{app}") && !strings.Contains(rest, "client-1") {
			t.Errorf("%d: got %v", number, err)
		}
	}
	a.answers(refusing(http.StatusBadRequest, 4711, "invalid_request"))
	if _, err := a.tokens(t).Token(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "AADSTS4711: Something.") {
		t.Errorf("advice about what is not known: %v", err)
	}
}

// TestAdviceKnowsMore tells what is added to advice that depends on this machine.
func TestAdviceKnowsMore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		number int
		date   func() string
		want   string
	}{
		"behind":        {700024, func() string { return time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat) }, "behind the login service's: set this machine's clock right."},
		"ahead":         {700024, func() string { return time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat) }, "ahead of the login service's: set this machine's clock right."},
		"in step":       {700024, func() string { return time.Now().UTC().Format(http.TimeFormat) }, "agrees with the login service's"},
		"no date":       {700024, func() string { return "noon" }, "does not fit: set this machine's clock right."},
		"no tenant":     {90002, func() string { return "" }, "knows no tenant " + tenant.String() + ": check AZURE_TENANT_ID"},
		"no Graph here": {500011, func() string { return "" }, "for the scope https://graph.microsoft.us/.default: check GRAPH_CLOUD"},
	} {
		a := newAuthority(t)
		a.answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", test.date())
			refusing(http.StatusBadRequest, test.number, "invalid_client")(w, r)
		})
		if _, err := a.tokens(t).Token(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	p, a := validProof(t), newAuthority(t)
	a.answers(refusing(http.StatusUnauthorized, 700027, "invalid_client"))
	config := a.credentials()
	config.Kind, config.CertificateFile = graph.ClientCertificate, writeFile(t, append(p.certs(), p.pkcs1()...))
	want := "The certificate with the thumbprint " + graph.Thumbprint(p.own) + " is not registered for the app client-1"
	if _, err := newTokens(t, config).Token(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestWhenALoginIsTriedAgain tells which failures pass by themselves.
func TestWhenALoginIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer    http.HandlerFunc
		low, high time.Duration
	}{
		"refused":     {refusing(http.StatusUnauthorized, 7000215, "invalid_client"), time.Minute, time.Minute},
		"unavailable": {refusing(http.StatusBadRequest, 90033, "temporarily_unavailable"), time.Second, time.Second},
		"failed":      {refusing(http.StatusInternalServerError, 1, "server_error"), time.Second, time.Second},
		"throttled": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "77")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 77 * time.Second, 77 * time.Second},
	} {
		a := newAuthority(t)
		a.answers(test.answer)
		tokens := a.tokens(t)
		before := time.Now()
		_, err := tokens.Token(t.Context())
		var noToken *graph.TokenError
		if !errors.As(err, &noToken) || noToken.RetryAt.Before(before.Add(test.low)) || noToken.RetryAt.After(time.Now().Add(test.high)) {
			t.Errorf("%s: got %v, next try in %s", name, err, time.Until(noToken.RetryAt))
		}
		if _, err := tokens.Token(t.Context()); err == nil || a.logins.Load() != 1 {
			t.Errorf("%s: %d logins, %v", name, a.logins.Load(), err)
		}
	}
}

func TestLoginServiceThatIsNotReached(t *testing.T) {
	t.Parallel()
	closed := httptest.NewTLSServer(http.NotFoundHandler())
	closed.Close()
	a := newAuthority(t)
	mute := httptest.NewUnstartedServer(http.NotFoundHandler()) // listens, and never shakes hands
	t.Cleanup(func() { mute.Listener.Close() })
	for name, test := range map[string]struct {
		change func(*graph.CredentialConfig)
		want   string
	}{
		"closed":    {func(c *graph.CredentialConfig) { c.Cloud.Authority = closed.URL }, "refuses connections: look at AZURE_AUTHORITY_HOST"},
		"nowhere":   {func(c *graph.CredentialConfig) { c.Cloud.Authority = "https://login.invalid" }, "there is no host login.invalid"},
		"untrusted": {func(c *graph.CredentialConfig) { c.CA = x509.NewCertPool() }, "nobody here knows who signed it. If a proxy of yours did, name its certificate in GRAPH_CA_FILE"},
		"misnamed": {func(c *graph.CredentialConfig) {
			c.Cloud.Authority = strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1)
		},
			"it is for another host than localhost"},
	} {
		config := a.credentials()
		test.change(&config)
		_, err := newTokens(t, config).Token(t.Context())
		var noToken *graph.TokenError
		if !errors.As(err, &noToken) || !strings.Contains(err.Error(), test.want) || noToken.RetryAt.IsZero() {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := graph.ResolveTenant(ctx, graph.Cloud{Authority: "https://" + mute.Listener.Addr().(*net.TCPAddr).String()}, nil, "contoso.example")
	if err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("got %v", err)
	}
}
