package graph

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
)

// loginError says why there is no token, in words for an administrator. It wraps nothing: MSAL's errors hold the
// request, with the secret in it, and answers that cannot be parsed, which may hold a token.
type loginError struct {
	text       string
	definite   bool          // somebody has to do something; trying again soon changes nothing
	retryAfter time.Duration // asked for by the login service; 0: not
}

func (e *loginError) Error() string { return e.text }

// localError is a fault on this machine, met before anything was asked: its words are ours.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// loginFacts are what advice is made of.
type loginFacts struct {
	kind       Kind
	tenant     string
	app        string
	authority  string
	scope      string
	thumbprint string   // of our certificate
	secrets    []Secret // which no word of the login service may show
}

// explain turns what MSAL says into a loginError. now is when the answer came.
func (f loginFacts) explain(ctx context.Context, err error, now time.Time) error {
	if ctx.Err() != nil {
		return &loginError{text: context.Cause(ctx).Error()}
	}
	if local, ok := errors.AsType[*localError](err); ok {
		return &loginError{text: local.Error(), definite: true}
	}
	if _, ok := errors.AsType[msal.InvalidJsonErr](err); ok {
		return &loginError{text: "the login service's answer is not the JSON it should be"}
	}
	if call, ok := errors.AsType[msal.CallErr](err); ok && call.Resp != nil {
		// The answer follows MSAL's own line. Its body is not to be had from Resp, because some callers have read it.
		_, body, _ := strings.Cut(call.Error(), "\n")
		return f.explainAnswer(call.Resp, body, now)
	}
	if network := explainNetwork(err); network != "" {
		return &loginError{text: f.hide(network)}
	}
	return &loginError{text: f.hide(strings.Join(strings.Fields(err.Error()), " "))} // MSAL likes lines
}

// oauthError is how a login service refuses.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
	Numbers     []int  `json:"error_codes"`
}

// explainAnswer reads an answer that is no token.
func (f loginFacts) explainAnswer(resp *http.Response, body string, now time.Time) *loginError {
	body = f.hide(body) // before it is cut, lest half a secret stay
	answer := parseOAuthError(body)
	problem := &loginError{
		text:     cutWords(f.hide(fmt.Sprintf("the login service answered %d: %s", resp.StatusCode, answer.words(body)))),
		definite: definiteRefusal(resp.StatusCode, answer.Code),
	}
	problem.retryAfter, _ = ParseRetryAfter(resp.Header.Values("Retry-After"), resp.Header.Get("Date"), now)
	if advice := f.advice(answer, resp.Header.Get("Date"), now); advice != "" {
		problem.text = andThen(problem.text, advice)
	}
	return problem
}

// andThen makes two sentences of two texts, in one line, because it is in logs that most will read them.
func andThen(first, second string) string { return strings.TrimRight(first, ".: ") + ". " + second }

func parseOAuthError(body string) oauthError {
	var answer oauthError
	_ = json.Unmarshal([]byte(body), &answer) // a member of an odd type does not make the others worthless
	return answer
}

// words are what an OAuth error says, without the trace ids that follow in further lines; the body as it is when it is
// none.
func (a oauthError) words(body string) string {
	if a.Code == "" {
		return strings.TrimSpace(strings.ToValidUTF8(body[:min(len(body), maxSaid)], ""))
	}
	line, _, _ := strings.Cut(a.Description, "\n")
	return a.Code + ": " + strings.TrimSpace(line)
}

// number is the AADSTS number of the refusal, 0 without one.
func (a oauthError) number() int {
	if len(a.Numbers) > 0 {
		return a.Numbers[0]
	}
	var number int
	if _, after, found := strings.Cut(a.Description, "AADSTS"); found {
		_, _ = fmt.Sscanf(after, "%d", &number)
	}
	return number
}

// passing are refusals by name that pass, whatever the status they come with.
var passing = []string{"temporarily_unavailable", "server_error", "authorization_pending", "slow_down"}

func definiteRefusal(status int, code string) bool {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, slices.Contains(passing, code):
		return false
	}
	return status >= 400 && status < 500
}

// credentialField is a secret that was sent or issued, as a form or as JSON shows it. Something between here and the
// login service may send back what it was sent.
var credentialField = regexp.MustCompile(`(?i)((?:client_secret|assertion|refresh_token|device_code|access_token|id_token)"?\s*[=:]\s*"?)[^&"\s<,;]+`)

// hide takes the secrets out of words that are not ours.
func (f loginFacts) hide(text string) string {
	for _, secret := range f.secrets {
		text = secret.hideIn(text)
	}
	return credentialField.ReplaceAllString(text, "${1}"+hidden)
}

// explainNetwork says why the login service was not reached, empty when that was not the fault.
func explainNetwork(err error) string {
	request, ok := errors.AsType[*url.Error](err)
	if !ok {
		return ""
	}
	host := "the login service"
	if u, parseErr := url.Parse(request.URL); parseErr == nil && u.Host != "" {
		host = u.Host
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return "the proxy cannot be reached: look at HTTPS_PROXY and NO_PROXY: " + op.Err.Error()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Sprintf("there is no host %s, or no name service: look at AZURE_AUTHORITY_HOST, GRAPH_CLOUD and this machine's network", dns.Name)
	}
	if why := explainCertificate(err); why != "" {
		return host + " shows a certificate that is not trusted: " + why
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return host + " refuses connections: look at AZURE_AUTHORITY_HOST, firewalls and HTTPS_PROXY"
	case request.Timeout():
		return host + " did not answer in time: look at firewalls and HTTPS_PROXY"
	}
	return host + " cannot be reached: " + request.Err.Error()
}

func explainCertificate(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "nobody here knows who signed it. If a proxy of yours did, name its certificate in GRAPH_CA_FILE"
	}
	if named, ok := errors.AsType[x509.HostnameError](err); ok {
		return "it is for another host than " + named.Host
	}
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return verification.Err.Error()
	}
	return ""
}
