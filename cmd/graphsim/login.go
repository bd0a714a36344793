package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/graphsim/entra"
)

// loginFlags are what concerns the login service and the proxy.
type loginFlags struct {
	Login     bool   `help:"Start a login service with TLS beside Graph, which then accepts only its tokens. Managed identities too."`
	LoginAddr string `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Address of the login service."`
	ProxyAddr string `placeholder:"HOST:PORT" help:"Start a forward proxy here that stands for the hosts of Microsoft's clouds and connects nowhere."`
	CAFile    string `name:"ca-file" placeholder:"FILE" help:"Write the certificate of the simulator's authority here, as PEM; also at /_sim/ca. It is another one at each start."`

	LoginTenant             string   `default:"${tenant}" placeholder:"GUID" help:"The tenant."`
	LoginApp                string   `default:"${app}" placeholder:"GUID" help:"The app in it."`
	LoginSecret             string   `default:"${secret}" placeholder:"SECRET" help:"The app's secret."`
	LoginCertificate        []string `placeholder:"FILE" help:"PEM with certificates that the app has registered; repeatable."`
	LoginFederatedTokenFile []string `placeholder:"FILE" help:"What is in this file is accepted as a federated token; read at each request; repeatable."`
	LoginRole               []string `default:"${role}" placeholder:"ROLE" help:"Permission of the app and its users; repeatable; none for no permission."`

	TokenLifetime time.Duration `default:"1h" placeholder:"DURATION" help:"How long a token is really accepted."`
	TokenSays     time.Duration `default:"0s" placeholder:"DURATION" help:"The expires_in that is told; 0s tells the truth."`
	ClockOffset   time.Duration `default:"0s" placeholder:"DURATION" help:"Put the simulator's clock ahead, or behind with a minus."`

	DeviceApprove  string   `default:"auto" enum:"auto,manual,decline" placeholder:"HOW" help:"Device codes: auto, approved at the second poll; manual, by POST /_sim/login; or decline."`
	LoginFault     []string `placeholder:"KIND[:first=N]" help:"Fail on purpose when a token is asked for, each time or the first N times; repeatable. KIND is 429, 429-bare, 500, 503, reset, hang, html, expired-secret, slow-down, expired-code or no-discovery."`
	IdentityHeader string   `default:"${identity}" placeholder:"VALUE" help:"What App Service's X-IDENTITY-HEADER must be."`
}

// loginDefaults are the variables in the tags above.
var loginDefaults = map[string]string{
	"tenant": entra.DefaultTenant, "app": entra.DefaultApp, "secret": entra.DefaultSecret,
	"role": entra.DefaultRole, "identity": entra.DefaultIdentityHeader,
}

// config is nil when no login service was asked for. The error names all faults.
func (f *loginFlags) config() (*entra.Config, error) {
	if !f.Login {
		return nil, nil
	}
	certs, certErr := readCertificates(f.LoginCertificate)
	faults, faultErr := parseLoginFaults(f.LoginFault)
	return &entra.Config{
		Tenant: f.LoginTenant, App: f.LoginApp, Secret: f.LoginSecret, Certs: certs, Federated: f.LoginFederatedTokenFile, Roles: f.LoginRole,
		Lifetime: f.TokenLifetime, Says: f.TokenSays, Approval: f.DeviceApprove, Faults: faults, IdentityHeader: f.IdentityHeader,
	}, errors.Join(certErr, faultErr)
}

func parseLoginFaults(texts []string) (faults []entra.Fault, err error) {
	for _, text := range texts {
		fault, faulty := entra.ParseFault(text)
		if faulty != nil {
			err = errors.Join(err, inFlag("login-fault", faulty))
			continue
		}
		faults = append(faults, fault)
	}
	return faults, err
}

func readCertificates(files []string) (certs []*x509.Certificate, err error) {
	for _, file := range files {
		found, faulty := readPEM(file)
		certs, err = append(certs, found...), errors.Join(err, inFlag("login-certificate", faulty))
	}
	return certs, err
}

// readPEM takes the certificates and passes over all else, such as the app's key
// in the same file.
func readPEM(file string) (certs []*x509.Certificate, err error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s: no certificate in it; want PEM", file)
	}
	return certs, nil
}

// writeCA puts the authority's certificate where it was asked for, and returns
// where it is to be found in any case.
func (f *loginFlags) writeCA(sim *graphsim.Server, site *graphsim.Site) (string, error) {
	if f.CAFile == "" {
		return site.GraphURL + "/_sim/ca", nil
	}
	return f.CAFile, os.WriteFile(f.CAFile, sim.CA(), 0o644) //nolint:gosec // a certificate is for everybody to read
}

// announce tells scripts where everything is. The first line has been the same
// since there was only Graph.
func announce(stdout io.Writer, site *graphsim.Site, ca string) {
	fmt.Fprintf(stdout, "graphsim listening on %s\n", site.GraphURL)
	if site.LoginURL != "" {
		fmt.Fprintf(stdout, "login service at %s (CA %s)\n", site.LoginURL, ca)
	}
	if site.ProxyURL != "" {
		fmt.Fprintf(stdout, "proxy at %s\n", site.ProxyURL)
	}
}
