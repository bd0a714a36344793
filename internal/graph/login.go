package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// SecretConfig are the credentials of an app that proves itself by a client secret.
type SecretConfig struct {
	Authority string // of the login service, without the tenant
	Tenant    uuid.UUID
	ClientID  string
	Secret    Secret
	Root      string       // of Graph: its /.default is the scope
	HTTP      *http.Client // nil: Go's own. No redirect is followed
}

// loginTime bounds a login, because neither MSAL nor its HTTP client does.
const loginTime = 30 * time.Second

type secretTokens struct {
	app    confidential.Client
	scopes []string
	secret Secret

	logins singleflight.Group
	warm   atomic.Pointer[time.Time] // until then MSAL has a token in its cache
}

// NewSecretTokens returns a source that logs in with a client secret. MSAL caches the token and renews it ahead of
// its end.
func NewSecretTokens(config SecretConfig) (TokenSource, error) {
	cred, err := confidential.NewCredFromSecret(config.Secret.Reveal())
	if err != nil {
		return nil, fmt.Errorf("AZURE_CLIENT_SECRET: %w", err)
	}
	var client http.Client
	if config.HTTP != nil {
		client = *config.HTTP
	}
	// The secret would go along, to a place nobody configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	app, err := confidential.New(strings.TrimRight(config.Authority, "/")+"/"+config.Tenant.String(), config.ClientID, cred,
		confidential.WithHTTPClient(&client),
		// The authority is configured, not discovered: asking Microsoft's public cloud about a national one would fail.
		confidential.WithInstanceDiscovery(false))
	if err != nil {
		return nil, fmt.Errorf("AZURE_AUTHORITY_HOST, AZURE_TENANT_ID, AZURE_CLIENT_ID: %w", err)
	}
	return &secretTokens{
		app: app, scopes: []string{strings.TrimRight(config.Root, "/") + "/.default"}, secret: config.Secret,
	}, nil
}

// Token returns the cached token, or logs in. The error is a *TokenError. Callers that find no token share one login,
// because MSAL would make one for each of them.
func (s *secretTokens) Token(ctx context.Context) (string, error) {
	if warm := s.warm.Load(); warm != nil && time.Now().Before(*warm) {
		return s.acquire(ctx)
	}
	login := s.logins.DoChan("", func() (any, error) {
		// It is everybody's, so it does not end with the caller that happened to come first.
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), loginTime, fmt.Errorf("no login within %s", loginTime))
		defer cancel()
		return s.acquire(ctx)
	})
	select {
	case result := <-login:
		token, _ := result.Val.(string)
		return token, result.Err
	case <-ctx.Done():
		return "", &TokenError{Err: context.Cause(ctx)}
	}
}

// cacheMargin is how long before its end MSAL no longer gives a token out.
const cacheMargin = 5 * time.Minute

func (s *secretTokens) acquire(ctx context.Context) (string, error) {
	result, err := s.app.AcquireTokenByCredential(ctx, s.scopes)
	if err != nil {
		return "", &TokenError{Err: s.explainLogin(ctx, err)}
	}
	warm := result.ExpiresOn.Add(-cacheMargin)
	s.warm.Store(&warm)
	return result.AccessToken, nil
}

// maxLoginAnswer is how much of the login service's words a person is shown.
const maxLoginAnswer = 2000

// explainLogin says why there is no token. MSAL's own errors hold the request, with the secret in it, and answers that
// cannot be parsed, which may hold a token; so nothing of them is wrapped, and of the latter nothing is shown.
func (s *secretTokens) explainLogin(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[msal.InvalidJsonErr](err); ok {
		return errors.New("the login service's answer is not the JSON it should be")
	}
	text := err.Error()
	if call, ok := errors.AsType[msal.CallErr](err); ok && call.Resp != nil {
		body, _ := io.ReadAll(io.LimitReader(call.Resp.Body, maxLoginAnswer)) // MSAL has it in memory
		text = fmt.Sprintf("the login service answered %d: %s", call.Resp.StatusCode, loginProblem(body))
	}
	return errors.New(s.secret.hideIn(text))
}

// loginProblem is what an OAuth error says, without the trace ids that follow in further lines; body as it is when it is
// none.
func loginProblem(body []byte) string {
	var answer struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Code == "" {
		return strings.TrimSpace(string(body))
	}
	line, _, _ := strings.Cut(answer.Description, "\n")
	return answer.Code + ": " + strings.TrimSpace(line)
}

// Format shows nothing of the credentials, whatever the verb.
func (*secretTokens) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, hidden) // fmt keeps the error to itself
}
