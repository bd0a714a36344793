package graph_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"graphpatch/internal/graph"
)

// proof is an app's certificate with its key, and that of the authority which signed it.
type proof struct {
	key     *rsa.PrivateKey
	own, ca *x509.Certificate
}

func newProof(t testing.TB, from, to time.Time) proof {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := template(1, "authority")
	ca := sign(t, authority, authority, caKey.Public(), caKey)
	return proof{key, sign(t, template(2, "app"), ca, key.Public(), caKey), ca}
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func validProof(t testing.TB) proof {
	t.Helper()
	return newProof(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (p proof) certs() []byte {
	return append(pemOf("CERTIFICATE", p.ca.Raw), pemOf("CERTIFICATE", p.own.Raw)...)
}

func (p proof) pkcs1() []byte { return pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(p.key)) }

func (p proof) pkcs8(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func (p proof) pfx(t testing.TB, password string) []byte {
	t.Helper()
	text, err := pkcs12.Modern.Encode(p.key, p.own, []*x509.Certificate{p.ca}, password)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeFile(t testing.TB, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCertificateLogin tells that each form of a certificate makes an assertion by its key, with the chain only on request.
func TestCertificateLogin(t *testing.T) {
	t.Parallel()
	p := validProof(t)
	for name, test := range map[string]struct {
		text     []byte
		password string
		chain    bool
	}{
		"PKCS#8":             {append(p.pkcs8(t), p.certs()...), "", false},
		"PKCS#1":             {append(p.certs(), p.pkcs1()...), "", true},
		"PFX":                {p.pfx(t, clientSecret), clientSecret, true},
		"PFX without a word": {p.pfx(t, ""), "", false},
	} {
		a := newAuthority(t)
		config := a.credentials()
		config.Kind, config.Secret = graph.ClientCertificate, nil
		config.CertificateFile, config.CertificatePassword, config.SendChain = writeFile(t, test.text), graph.NewSecret(test.password), test.chain
		checkToken(t, newTokens(t, config), issuedToken)
		a.checkForm(t, map[string]string{
			"grant_type": "client_credentials", "client_secret": "", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		})
		p.checkAssertion(t, name, a.form.Load().Get("client_assertion"), test.chain)
	}
}

func (p proof) checkAssertion(t *testing.T, name, assertion string, chain bool) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("%s: got %q", name, assertion)
	}
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPSS(&p.key.PublicKey, crypto.SHA256, digest[:], signature, nil); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	var header struct {
		X5C []string `json:"x5c"`
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[0])
	if err := json.Unmarshal(text, &header); err != nil || (len(header.X5C) == 2) != chain {
		t.Errorf("%s: got a chain of %d, %v", name, len(header.X5C), err)
	}
}

func TestCertificatesThatCannotWork(t *testing.T) {
	t.Parallel()
	p, other := validProof(t), validProof(t)
	ec, err := x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	if err != nil {
		t.Fatal(err)
	}
	past := newProof(t, time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	future := newProof(t, time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour))
	legacy := bytes.Replace(p.pkcs1(), []byte("KEY-----\n"), []byte("KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,0011223344556677\n\n"), 1)
	for name, test := range map[string]struct {
		text     []byte
		password string
		want     string
	}{
		"no key":               {p.certs(), "", "no private key found: it has to hold the certificate and its private key"},
		"no certificate":       {p.pkcs1(), "", "no certificates found: it has to hold"},
		"another's key":        {append(p.certs(), other.pkcs1()...), "", "key doesn't match any certificate"},
		"no RSA":               {append(p.certs(), pemOf("PRIVATE KEY", ec)...), "", "key must be an RSA key"},
		"an encrypted key":     {append(p.certs(), pemOf("ENCRYPTED PRIVATE KEY", []byte("x"))...), clientSecret, "its key is encrypted: take the password off"},
		"a legacy key":         {append(p.certs(), legacy...), clientSecret, "its key is encrypted: take the password off"},
		"a damaged key":        {append(p.certs(), pemOf("PRIVATE KEY", []byte("x"))...), "", "could not decode private key"},
		"an expired one":       {append(past.certs(), past.pkcs1()...), "", "the certificate expired at 20"},
		"one for later":        {append(future.certs(), future.pkcs1()...), "", "the certificate is not valid before 20"},
		"no password":          {p.pfx(t, clientSecret), "", "it needs a password: set AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		"another password":     {p.pfx(t, "other"), clientSecret, "AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password"},
		"an expired PFX":       {past.pfx(t, clientSecret), clientSecret, "the certificate expired at 20"},
		"an empty file":        {nil, "", "it is neither PEM nor a PFX"},
		"something else":       {[]byte("hello"), "", "it is neither PEM nor a PFX"},
		"PEM of something":     {pemOf("PUBLIC KEY", []byte("x")), "", "no certificates found"},
		"a PFX that breaks of": {p.pfx(t, clientSecret)[:500], clientSecret, "it is neither PEM nor a PFX"},
	} {
		config := newCredentials(graph.ClientCertificate)
		config.CertificateFile, config.CertificatePassword = writeFile(t, test.text), graph.NewSecret(test.password)
		_, err := graph.NewTokens(config)
		if want := "AZURE_CLIENT_CERTIFICATE_PATH: " + config.CertificateFile + ": " + test.want; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
			continue
		}
		checkHides(t, name, err.Error())
	}
	config := newCredentials(graph.ClientCertificate)
	config.CertificateFile = filepath.Join(t.TempDir(), "nowhere.pem")
	if _, err := graph.NewTokens(config); err == nil || !strings.Contains(err.Error(), "nowhere.pem: no such file") {
		t.Errorf("got %v", err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newCredentials(kind graph.Kind) graph.CredentialConfig {
	return graph.CredentialConfig{
		Kind: kind, Tenant: tenant, ClientID: "client-1", Secret: graph.NewSecret(clientSecret),
		Cloud: graph.Cloud{Root: "https://graph.microsoft.com", Authority: "https://login.microsoftonline.com"},
	}
}

func TestCredentialsThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*graph.CredentialConfig)
		want   string
	}{
		"no secret":          {func(c *graph.CredentialConfig) { c.Secret = nil }, "AZURE_CLIENT_SECRET"},
		"plain http":         {func(c *graph.CredentialConfig) { c.Cloud.Authority = "http://login.microsoftonline.com" }, "AZURE_AUTHORITY_HOST"},
		"not a URL":          {func(c *graph.CredentialConfig) { c.Cloud.Authority = "login.microsoftonline.com" }, "AZURE_AUTHORITY_HOST"},
		"a password in it":   {func(c *graph.CredentialConfig) { c.Cloud.Authority = "https://me:" + clientSecret + "@host" }, "AZURE_AUTHORITY_HOST"},
		"no login service":   {func(c *graph.CredentialConfig) { c.Cloud.Authority = "" }, "AZURE_AUTHORITY_HOST"},
		"no kind":            {func(c *graph.CredentialConfig) { c.Kind = "" }, `"" is no kind of credentials`},
		"a token, but empty": {func(c *graph.CredentialConfig) { c.Kind = graph.BroughtToken }, "GRAPH_ACCESS_TOKEN is empty"},
		"a login without a file": {func(c *graph.CredentialConfig) { c.Kind, c.ClientID = graph.DeviceCode, "" },
			"AZURE_CLIENT_ID is not set: it names the app to log in to\nGRAPHPATCH_TOKEN_CACHE is empty"},
	} {
		credentials := newCredentials(graph.ClientSecret)
		newTokens(t, credentials)
		test.change(&credentials)
		_, err := graph.NewTokens(credentials)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
			continue
		}
		checkHides(t, name, err.Error())
	}
}
