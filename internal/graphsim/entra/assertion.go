package entra

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is defined as SHA-1
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// assertion is a JWT by which an app proves itself.
type assertion struct {
	algorithm          string
	keyID256, keyID1   string // x5t#S256 and x5t, as sent
	issuer, subject    string
	audience           string
	notBefore, expires time.Time // zero: not said
	signed             [sha256.Size]byte
	signature          []byte
}

var errNotJWT = errors.New("not a JWT")

// parseAssertion reads header and payload without believing them.
func parseAssertion(text string) (assertion, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return assertion{}, errNotJWT
	}
	var header struct {
		Algorithm string `json:"alg"`
		KeyID256  string `json:"x5t#S256"`
		KeyID1    string `json:"x5t"`
	}
	var payload struct {
		Issuer    string   `json:"iss"`
		Subject   string   `json:"sub"`
		Audience  audience `json:"aud"`
		NotBefore *float64 `json:"nbf"`
		Expires   *float64 `json:"exp"`
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err := errors.Join(err, decodePart(parts[0], &header), decodePart(parts[1], &payload)); err != nil {
		return assertion{}, errors.Join(errNotJWT, err)
	}
	return assertion{
		algorithm: header.Algorithm, keyID256: header.KeyID256, keyID1: header.KeyID1,
		issuer: payload.Issuer, subject: payload.Subject, audience: string(payload.Audience),
		notBefore: instant(payload.NotBefore), expires: instant(payload.Expires),
		signed: sha256.Sum256([]byte(parts[0] + "." + parts[1])), signature: signature,
	}, nil
}

func decodePart(text string, into any) error {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(decoded, into)
}

// audience is one string, or a list of which the first counts.
type audience string

// UnmarshalJSON takes both forms that the standard permits.
func (a *audience) UnmarshalJSON(text []byte) error {
	var list []string
	if json.Unmarshal(text, &list) == nil {
		if len(list) > 0 {
			*a = audience(list[0])
		}
		return nil
	}
	return json.Unmarshal(text, (*string)(a))
}

// maxSeconds keeps times in years that can be written.
const maxSeconds = 1 << 36

func instant(seconds *float64) time.Time {
	if seconds == nil || !(*seconds >= 0 && *seconds < maxSeconds) { // written so that NaN fails
		return time.Time{}
	}
	return time.Unix(int64(*seconds), 0).UTC()
}

// verify checks a certificate's assertion in the order Entra does: key, signature,
// time, audience, subject. The error is a refusal.
func (a assertion) verify(certs []*x509.Certificate, app string, audiences []string, now time.Time) error {
	cert := a.signer(certs)
	switch {
	case cert == nil:
		return unknownKey
	case !a.isSignedBy(cert):
		return badSignature
	case a.expires.IsZero() || !now.Before(a.expires) || now.Add(skew).Before(a.notBefore):
		const form = "2006-01-02T15:04:05.0000000Z"
		return outsideTime.about(now.UTC().Format(form), a.notBefore.Format(form), a.expires.Format(form))
	case !containsFold(audiences, a.audience):
		return wrongAudience
	case !strings.EqualFold(a.subject, app):
		return wrongSubject
	}
	return nil
}

// skew is how far ahead of ours an app's clock may be.
const skew = 5 * time.Minute

// signer finds the certificate that the header names, or nil.
func (a assertion) signer(certs []*x509.Certificate) *x509.Certificate {
	for _, cert := range certs {
		long := sha256.Sum256(cert.Raw)
		short := sha1.Sum(cert.Raw) //nolint:gosec // names a certificate, secures nothing
		if isKeyID(a.keyID256, long[:]) || isKeyID(a.keyID1, short[:]) {
			return cert
		}
	}
	return nil
}

// isKeyID takes both alphabets of base64, because clients send both.
func isKeyID(text string, sum []byte) bool {
	urlForm := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return urlForm == base64.RawURLEncoding.EncodeToString(sum)
}

func (a assertion) isSignedBy(cert *x509.Certificate) bool {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return false
	}
	switch a.algorithm {
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, a.signed[:], a.signature, nil) == nil
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, a.signed[:], a.signature) == nil
	}
	return false
}

func containsFold(texts []string, wanted string) bool {
	for _, text := range texts {
		if strings.EqualFold(text, wanted) {
			return true
		}
	}
	return false
}
