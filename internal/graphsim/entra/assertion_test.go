package entra

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	rsaKey  = newRSAKey()
	rsaCert = newRSACert(rsaKey)
)

func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func newRSACert(key *rsa.PrivateKey) *x509.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// signed makes an assertion in all the ways a client may.
func signed(t *testing.T, algorithm string, header, payload map[string]any) string {
	t.Helper()
	header["alg"] = algorithm
	body := encode(mustMarshal(header)) + "." + encode(mustMarshal(payload))
	sum := sha256.Sum256([]byte(body))
	var signature []byte
	var err error
	if algorithm == "PS256" {
		signature, err = rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, sum[:], nil)
	} else {
		signature, err = rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return body + "." + encode(signature)
}

func TestVerify(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	long, short := sha256.Sum256(rsaCert.Raw), sha1.Sum(rsaCert.Raw)
	byLong := map[string]any{"x5t#S256": base64.StdEncoding.EncodeToString(long[:])}
	byShort := map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(short[:])}
	const app, endpoint = "22222222-2222-4222-8222-222222222222", "https://login/t/oauth2/v2.0/token"
	good := func(changes ...any) map[string]any {
		payload := map[string]any{"iss": app, "sub": app, "aud": endpoint, "nbf": now.Unix(), "exp": now.Unix() + 600}
		for i := 0; i < len(changes); i += 2 {
			payload[changes[i].(string)] = changes[i+1]
		}
		return payload
	}
	for _, test := range []struct {
		name      string
		algorithm string
		header    map[string]any
		payload   map[string]any
		want      int // of AADSTS; 0 is accepted
	}{
		{"as MSAL does", "PS256", byLong, good(), 0},
		{"the older way", "RS256", byShort, good("aud", []string{endpoint}), 0},
		{"a clock a little ahead", "PS256", byLong, good("nbf", now.Unix()+300), 0},
		{"a clock far ahead", "PS256", byLong, good("nbf", now.Unix()+301), 700024},
		{"over", "PS256", byLong, good("exp", now.Unix()), 700024},
		{"without an end", "PS256", byLong, good("exp", nil), 700024},
		{"for another service", "PS256", byLong, good("aud", "https://other"), 700023},
		{"about another app", "PS256", byLong, good("sub", "other"), 700021},
		{"with an unknown key", "PS256", map[string]any{"x5t#S256": "AAAA"}, good(), 700027},
		{"without a key", "PS256", map[string]any{}, good(), 700027},
		{"by an algorithm of no worth", "none", byLong, good(), 700027},
	} {
		a, err := parseAssertion(signed(t, test.algorithm, test.header, test.payload))
		if err != nil {
			t.Fatal(err)
		}
		err = a.verify([]*x509.Certificate{newRSACert(rsaKey), rsaCert}, app, []string{endpoint}, now)
		refused, _ := errors.AsType[refusal](err)
		if refused.number != test.want {
			t.Errorf("%s: got %v, want AADSTS%d", test.name, err, test.want)
		}
	}
}

func TestTamperedAssertion(t *testing.T) {
	long := sha256.Sum256(rsaCert.Raw)
	text := []byte(signed(t, "PS256", map[string]any{"x5t#S256": encode(long[:])}, map[string]any{"exp": 1 << 33}))
	if at := &text[len(text)-10]; *at == 'A' {
		*at = 'B'
	} else {
		*at = 'A'
	}
	a, err := parseAssertion(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.verify([]*x509.Certificate{rsaCert}, "", []string{""}, time.Unix(1, 0)); err == nil || err.Error() != badSignature.Error() {
		t.Errorf("got %v", err)
	}
}
