package graphsim_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

func TestLoginBySecret(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	token := site.token(t)
	site.patch(t, token, http.StatusOK)
	got, want := site.lastLogin(t), entra.Login{
		Seq: 1, Host: strings.TrimPrefix(site.LoginURL, "https://"), Tenant: entra.DefaultTenant, ClientID: entra.DefaultApp,
		Grant: "client_credentials", Scope: graphScope + " openid offline_access profile", Credential: "secret",
		Status: http.StatusOK, TokenID: site.sim.Requests()[0].TokenID,
	}
	if diff := cmp.Diff(got, want, cmpopts.IgnoreFields(entra.Login{}, "At", "SecretID")); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
	if stats := site.sim.Stats(); stats.Logins != 1 || stats.LoginFailures != 0 {
		t.Errorf("%d logins, %d failures", stats.Logins, stats.LoginFailures)
	}
}

func TestLoginByCertificate(t *testing.T) {
	cert := appCert(t, 1)
	site := startCloud(t, entra.Config{Certs: []*x509.Certificate{appCert(t, 2), cert}}, graphsim.Config{})
	for _, x5c := range []bool{false, true} {
		var options []confidential.Option
		if x5c {
			options = append(options, confidential.WithX5C())
		}
		cred, err := confidential.NewCredFromCert([]*x509.Certificate{cert}, appKey())
		if err != nil {
			t.Fatal(err)
		}
		result, err := site.app(t, cred, options...).AcquireTokenByCredential(t.Context(), []string{graphScope})
		if err != nil {
			t.Fatal(err)
		}
		site.patch(t, result.AccessToken, http.StatusOK)
		if l := site.lastLogin(t); l.Credential != "certificate" || len(l.AssertionID) != 16 || l.SecretID != "" {
			t.Errorf("%+v", l)
		}
	}
}

func TestLoginByFederatedToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	site := startCloud(t, entra.Config{Federated: []string{file}}, graphsim.Config{})
	app := site.app(t, confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		text, err := os.ReadFile(file)
		return string(text), err
	}))
	for _, subject := range []string{"one", "two"} { // the file is read again
		if err := os.WriteFile(file, []byte(federated(t, subject)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		result, err := app.AcquireTokenByCredential(t.Context(), []string{graphScope}, confidential.WithClaims(`{}`)) // past the cache
		if err != nil {
			t.Fatal(err)
		}
		site.patch(t, result.AccessToken, http.StatusOK)
		if l := site.lastLogin(t); l.Credential != "federated" {
			t.Errorf("%+v", l)
		}
	}
}

// federated is a token of some cluster, whose signature nobody checks here.
func federated(t *testing.T, subject string) string {
	t.Helper()
	part := func(value any) string { return base64.RawURLEncoding.EncodeToString([]byte(mustJSON(t, value))) }
	return part(map[string]string{"alg": "RS256"}) + "." +
		part(map[string]any{"iss": "https://cluster.example.com", "sub": subject, "aud": []string{"api://AzureADTokenExchange"}}) + ".c2ln"
}

func TestManagedIdentities(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	for _, test := range []struct {
		source string
		env    map[string]string
		want   string // of an unknown user-assigned identity
	}{
		{"imds", nil, "Identity not found"},
		{"appservice", map[string]string{"IDENTITY_ENDPOINT": site.GraphURL + "/msi/token", "IDENTITY_HEADER": entra.DefaultIdentityHeader}, "Identity not found"},
		{"azureml", map[string]string{"MSI_ENDPOINT": site.GraphURL + "/msi/ml", "MSI_SECRET": entra.DefaultIdentityHeader}, "Identity not found"},
		{"cloudshell", map[string]string{"MSI_ENDPOINT": site.GraphURL + "/msi/shell"}, "doesn't support"},
	} {
		t.Run(test.source, func(t *testing.T) {
			for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT"} {
				t.Setenv(name, test.env[name])
			}
			// MSAL keeps these tokens for the whole process, so each has a resource of its own.
			resource := "https://" + uuid.NewString() + ".example.com"
			identity, err := managedidentity.New(managedidentity.SystemAssigned(), managedidentity.WithHTTPClient(site.cloud))
			if err != nil {
				t.Fatal(err)
			}
			result, err := identity.AcquireToken(t.Context(), resource)
			if err != nil {
				t.Fatal(err)
			}
			site.patch(t, result.AccessToken, http.StatusOK)
			if left := time.Until(result.ExpiresOn); left < 59*time.Minute || left > time.Hour {
				t.Errorf("expires in %v", left)
			}
			if l := site.lastLogin(t); l.Credential != test.source || l.Scope != resource || l.Status != http.StatusOK || l.TokenID == "" {
				t.Errorf("%+v", l)
			}
			other, err := managedidentity.New(managedidentity.UserAssignedClientID("unknown"), managedidentity.WithHTTPClient(site.cloud))
			if err == nil {
				_, err = other.AcquireToken(t.Context(), resource)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("an unknown identity: got %v, want %q", err, test.want)
			}
		})
	}
}

func TestMSALAnswersAClaimsChallenge(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	app := site.app(t, bySecret(t, entra.DefaultSecret), confidential.WithClientCapabilities([]string{"CP1"}))
	result, err := app.AcquireTokenByCredential(t.Context(), []string{graphScope})
	if err != nil {
		t.Fatal(err)
	}
	site.patch(t, result.AccessToken, http.StatusOK)
	for range 2 {
		site.change(t, `{"challenge":true}`)
		answer, said := site.patch(t, result.AccessToken, http.StatusUnauthorized)
		claims := claimsIn(t, answer.Header.Get("WWW-Authenticate"))
		if said.Error.Code != "InvalidAuthenticationToken" {
			t.Errorf("%+v", said)
		}
		site.patch(t, site.token(t), http.StatusUnauthorized) // a new token is not enough
		result, err = app.AcquireTokenByCredential(t.Context(), []string{graphScope}, confidential.WithClaims(claims))
		if err != nil {
			t.Fatal(err)
		}
		site.patch(t, result.AccessToken, http.StatusOK)
		if l := site.lastLogin(t); !strings.Contains(l.Claims, `"nbf"`) || !strings.Contains(l.Claims, `"CP1"`) {
			t.Errorf("%+v", l)
		}
	}
	site.change(t, `{"challenge":false}`)
	site.patch(t, site.token(t), http.StatusOK)
}

func claimsIn(t *testing.T, header string) string {
	t.Helper()
	_, rest, _ := strings.Cut(header, `error="insufficient_claims", claims="`)
	encoded, _, found := strings.Cut(rest, `"`)
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found || len(text) == 0 {
		t.Fatalf("no claims in %q: %v", header, err)
	}
	return string(text)
}

func TestCloudsThroughTheProxy(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	for _, cloud := range []struct{ graph, login, other string }{
		{"https://graph.microsoft.com", "https://login.microsoftonline.com", "https://graph.microsoft.us"},
		{"https://graph.microsoft.us", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
		{"https://dod-graph.microsoft.us", "https://login.microsoftonline.us", "https://graph.microsoft.us"},
		{"https://microsoftgraph.chinacloudapi.cn", "https://login.partner.microsoftonline.cn", "https://graph.microsoft.com"},
		{"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://graph.microsoft.com"},
	} {
		for _, discover := range []bool{false, true} {
			app, err := confidential.New(cloud.login+"/"+entra.DefaultTenant, entra.DefaultApp, bySecret(t, entra.DefaultSecret),
				confidential.WithHTTPClient(site.cloud), confidential.WithInstanceDiscovery(discover))
			if err != nil {
				t.Fatal(err)
			}
			result, err := app.AcquireTokenByCredential(t.Context(), []string{cloud.graph + "/.default"})
			if err != nil {
				t.Fatalf("%s: %v", cloud.login, err)
			}
			if answer, said := graph(t, site.cloud, http.MethodPatch, cloud.graph, result.AccessToken); answer.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %+v", cloud.graph, answer.StatusCode, said)
			}
			answer, said := graph(t, site.cloud, http.MethodPatch, cloud.other, result.AccessToken)
			if answer.StatusCode != http.StatusUnauthorized || said.Error.Message != "Access token validation failure. Invalid audience." {
				t.Errorf("a token for %s at %s: %d %+v", cloud.graph, cloud.other, answer.StatusCode, said)
			}
		}
	}
	if stats := site.sim.Stats(); stats.ProxyRefused != 0 {
		t.Errorf("%d hosts refused", stats.ProxyRefused)
	}
}

func TestWrongCloud(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	app, err := confidential.New("https://login.microsoftonline.us/"+entra.DefaultTenant, entra.DefaultApp, bySecret(t, entra.DefaultSecret), confidential.WithHTTPClient(site.cloud))
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.AcquireTokenByCredential(t.Context(), []string{graphScope})
	if err == nil || !strings.Contains(err.Error(), "AADSTS500011") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownAuthorityIsNotBelieved(t *testing.T) {
	site := startCloud(t, entra.Config{}, graphsim.Config{})
	answer, err := http.Get(site.LoginURL + "/common/v2.0/.well-known/openid-configuration")
	if err == nil {
		answer.Body.Close()
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("got %v", err)
	}
}
