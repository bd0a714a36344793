package graph

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // the thumbprint that Entra shows beside each certificate
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"software.sslmate.com/src/go-pkcs12"
)

// certificate is an app's proof: a chain with the app's own certificate in it, and the key to that.
type certificate struct {
	cred       confidential.Credential
	thumbprint string
}

// loadCertificate reads PEM (certificates, and a key without password) or PFX. Each error names the file, what is wrong
// with it, and what would be right.
func loadCertificate(file string, password Secret, now time.Time) (certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return certificate{}, fmt.Errorf("AZURE_CLIENT_CERTIFICATE_PATH: %w", err)
	}
	fault := func(err error) error { return fmt.Errorf("AZURE_CLIENT_CERTIFICATE_PATH: %s: %w", file, err) }
	certs, key, err := decodeCertificate(data, password)
	if err != nil {
		return certificate{}, fault(err)
	}
	cred, err := confidential.NewCredFromCert(certs, key)
	if err != nil {
		return certificate{}, fault(fmt.Errorf("%w: it has to hold an RSA key and the certificate made for it", err))
	}
	own := ownCertificate(certs, key)
	if err := checkValidity(own, now); err != nil {
		return certificate{}, fault(err)
	}
	return certificate{cred: cred, thumbprint: thumbprint(own)}, nil
}

func decodeCertificate(data []byte, password Secret) ([]*x509.Certificate, crypto.PrivateKey, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return decodePFX(data, password)
	}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, nil, errors.New("its key is encrypted: take the password off (openssl pkcs8 -topk8 -nocrypt), or use a PFX with AZURE_CLIENT_CERTIFICATE_PASSWORD")
		}
	}
	certs, key, err := confidential.CertFromPEM(data, "")
	if err != nil {
		return nil, nil, fmt.Errorf("%w: it has to hold the certificate and its private key (PKCS#8 or PKCS#1)", err)
	}
	return certs, key, nil
}

func decodePFX(data []byte, password Secret) ([]*x509.Certificate, crypto.PrivateKey, error) {
	key, own, chain, err := pkcs12.DecodeChain(data, password.Reveal())
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password.Reveal() == "":
		return nil, nil, errors.New("it needs a password: set AZURE_CLIENT_CERTIFICATE_PASSWORD")
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, errors.New("AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password")
	case err != nil:
		return nil, nil, fmt.Errorf("it is neither PEM nor a PFX with a certificate and its private key: %w", err)
	}
	return append([]*x509.Certificate{own}, chain...), key, nil
}

// ownCertificate is the one of the chain that was made for the key.
func ownCertificate(certs []*x509.Certificate, key crypto.PrivateKey) *x509.Certificate {
	signer, ok := key.(crypto.Signer)
	for _, cert := range certs {
		public, comparable := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if ok && comparable && public.Equal(signer.Public()) {
			return cert
		}
	}
	return certs[0]
}

func checkValidity(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("the certificate expired at %s: make a new one and register it for the app", cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s: is this machine's clock right?", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func thumbprint(cert *x509.Certificate) string {
	sum := sha1.Sum(cert.Raw) //nolint:gosec // as Entra shows it; nothing is protected by it
	return strings.ToUpper(fmt.Sprintf("%x", sum))
}
