package graphsim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

// cloudSite is a simulator with everything served, and a client that believes
// its authority.
type cloudSite struct {
	*graphsim.Site
	sim    *graphsim.Server
	client *http.Client // connects directly
	cloud  *http.Client // goes through the proxy
}

func startCloud(t *testing.T, login entra.Config, config graphsim.Config) *cloudSite {
	t.Helper()
	config.Login, config.ProxyAddr = &login, "127.0.0.1:0"
	sim := newSim(t, config)
	site, err := sim.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(sim.CA()) {
		t.Fatal("no certificate in CA()")
	}
	proxy, err := url.Parse(site.ProxyURL)
	if err != nil {
		t.Fatal(err)
	}
	direct := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	through := direct.Clone()
	through.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "127.0.0.1" { // as with HTTPS_PROXY
			return nil, nil
		}
		return proxy, nil
	}
	t.Cleanup(func() {
		direct.CloseIdleConnections()
		through.CloseIdleConnections()
		if err := site.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &cloudSite{Site: site, sim: sim, client: &http.Client{Transport: direct}, cloud: &http.Client{Transport: through}}
}

const graphScope = "https://graph.microsoft.com/.default"

// app is MSAL's client of an app.
func (c *cloudSite) app(t *testing.T, cred confidential.Credential, options ...confidential.Option) confidential.Client {
	t.Helper()
	options = append([]confidential.Option{confidential.WithHTTPClient(c.client), confidential.WithInstanceDiscovery(false)}, options...)
	app, err := confidential.New(c.LoginURL+"/"+entra.DefaultTenant, entra.DefaultApp, cred, options...)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func bySecret(t *testing.T, secret string) confidential.Credential {
	t.Helper()
	cred, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

// token logs in by the default secret.
func (c *cloudSite) token(t *testing.T) string {
	t.Helper()
	result, err := c.app(t, bySecret(t, entra.DefaultSecret)).AcquireTokenByCredential(t.Context(), []string{graphScope})
	if err != nil {
		t.Fatal(err)
	}
	return result.AccessToken
}

// graph asks Graph something by way of client.
func graph(t *testing.T, client *http.Client, method, root, token string) (*http.Response, graphError) {
	t.Helper()
	body := ""
	if method == http.MethodPatch {
		body = documentedBody
	}
	r, err := http.NewRequest(method, root+plainRoute+"/s1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said graphError
	if answer.StatusCode >= 400 {
		said = decode[graphError](t, answer.Body)
	}
	return answer, said
}

// patch wants a PATCH directly at the simulator to have this status.
func (c *cloudSite) patch(t *testing.T, token string, want int) (*http.Response, graphError) {
	t.Helper()
	answer, said := graph(t, c.client, http.MethodPatch, c.GraphURL, token)
	if answer.StatusCode != want {
		t.Errorf("PATCH: got %d %+v, want %d", answer.StatusCode, said, want)
	}
	return answer, said
}

func (c *cloudSite) lastLogin(t *testing.T) entra.Login {
	t.Helper()
	all := c.sim.Login().Logins(0)
	if len(all) == 0 {
		t.Fatal("nothing in the log")
	}
	return all[len(all)-1]
}

// change goes the way an operator goes.
func (c *cloudSite) change(t *testing.T, body string) {
	t.Helper()
	answer, err := c.client.Post(c.GraphURL+"/_sim/login", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		t.Fatalf("%s: %d", body, answer.StatusCode)
	}
}

// appKey is one key for all tests, because making one takes long.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func appCert(t *testing.T, serial int64) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, appKey().Public(), appKey())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
