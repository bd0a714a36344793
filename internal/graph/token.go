package graph

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// TokenSource gives the token for the next request, and is told what Graph made of it. It is safe for concurrent use.
type TokenSource interface {
	// Token returns a token that is good now. The error is a *TokenError.
	Token(ctx context.Context) (Token, error)
	// Accepted tells that Graph took the token of that number.
	Accepted(number int64)
	// Renew replaces the token of that number, which Graph refused with the given claims challenge ("" without one). It
	// returns nil when there is another token to send with, a *TokenError when there is none now, and a *RefusedError when
	// Graph refuses every token.
	Renew(ctx context.Context, number int64, claims string) error
	// Info tells what is known of the present token.
	Info() TokenInfo
}

// Token is what a request proves itself by.
type Token struct {
	Text   Secret
	Number int64 // of the tokens that its source has given out, from 1
}

// TokenInfo is what people may know of a token. What an opaque token does not say is empty.
type TokenInfo struct {
	Kind    Kind
	Tenant  uuid.UUID
	App     string // client id
	User    string // "" for an app that acts for itself
	Expires time.Time
	Roles   []string // permissions of an app that acts for itself
	Scopes  []string // permissions delegated by a user
}

// TokenError says that there is no token to send with; nobody's row is at fault.
type TokenError struct {
	Err     error
	RetryAt time.Time // before it nobody tries again; zero: not known
}

func (e *TokenError) Error() string { return "no token for Graph: " + e.Err.Error() }
func (e *TokenError) Unwrap() error { return e.Err }

func asTokenError(err error) error {
	if _, ok := errors.AsType[*TokenError](err); ok {
		return err
	}
	return &TokenError{Err: err}
}

// RefusedError says that Graph refuses every token these credentials give: sending on would change nothing.
type RefusedError struct {
	Err error // Graph's own words, or what is known of the token
}

func (e *RefusedError) Error() string { return "Graph refuses the token: " + e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }
