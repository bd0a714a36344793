package graphsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// ca is a certificate authority that lives as long as the process and is
// believed by nobody who was not told to.
type ca struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	leaf *ecdsa.PrivateKey // of every certificate it issues
	pem  []byte
}

// Certificates are good for any clock that a test may have.
const (
	validBefore = 2 * 365 * 24 * time.Hour
	validAfter  = 10 * 365 * 24 * time.Hour
)

func newCA(now time.Time) (*ca, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "graphsim, a simulator's certificate authority"},
		NotBefore: now.Add(-validBefore), NotAfter: now.Add(validAfter),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &ca{key: key, cert: cert, leaf: leaf, pem: text}, nil
}

func serial() *big.Int {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails
	return new(big.Int).SetBytes(bits[:])
}

// tlsConfig serves under whatever name a client asks for, because the proxy
// stands for many hosts and a container may be called anything.
func (a *ca) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := hello.ServerName
		if name == "" { // a client that connects to an address names nothing
			name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
		}
		return a.issue(name)
	}}
}

// issue makes a certificate for a host name or an IP address. None is kept, so
// the number of names costs nothing.
func (a *ca) issue(name string) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "graphsim"},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, a.leaf.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.leaf}, nil
}
