package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"
)

// TokenSource gives the token for the next request. It is safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// TokenError says that there is no token to send with; nobody's row is at fault.
type TokenError struct {
	Err error
}

func (e *TokenError) Error() string { return "no token for Graph: " + e.Err.Error() }
func (e *TokenError) Unwrap() error { return e.Err }

func asTokenError(err error) error {
	if _, ok := errors.AsType[*TokenError](err); ok {
		return err
	}
	return &TokenError{Err: err}
}

// staticToken is a token brought along.
type staticToken struct{ Secret }

// StaticToken is the source of a token brought along. It is never renewed.
func StaticToken(token string) TokenSource { return staticToken{NewSecret(token)} }

// Token returns the token.
func (t staticToken) Token(context.Context) (string, error) { return t.Reveal(), nil }

// check finds what a token has caught on its way here: a line break at its end, or the word before it.
func (t staticToken) check() error {
	token := t.Reveal()
	switch {
	case token == "":
		return errors.New("GRAPH_ACCESS_TOKEN is empty")
	case strings.HasPrefix(strings.ToLower(token), "bearer "):
		return errors.New(`GRAPH_ACCESS_TOKEN begins with the word "Bearer": leave it out`)
	case !isHeaderText(token), strings.Contains(token, " "):
		return errors.New("GRAPH_ACCESS_TOKEN holds white space or characters that no token has")
	}
	return nil
}

// TokenTenant reads the tenant a token was issued for. ok is false when the token is opaque. Nothing is verified:
// that is Graph's part.
func TokenTenant(token string) (tenant uuid.UUID, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return uuid.UUID{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return uuid.UUID{}, false
	}
	var claims struct {
		Tenant string `json:"tid"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return uuid.UUID{}, false
	}
	tenant, err = uuid.Parse(claims.Tenant)
	if err != nil {
		return uuid.UUID{}, false // what was parsed is half an id
	}
	return tenant, true
}
