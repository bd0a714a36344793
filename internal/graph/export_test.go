package graph

import "crypto/x509"

// Trust has the client accept the certificate of a test's server.
func (c *Client) Trust(roots *x509.CertPool) { c.transport.Load().TLSClientConfig.RootCAs = roots }

// LoginAdvice has every entry walked by a test.
var LoginAdvice = loginAdvice

// Thumbprint is as an error shows it.
var Thumbprint = thumbprint
