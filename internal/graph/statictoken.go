package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// staticToken is a token brought along.
type staticToken struct {
	text   Secret
	claims tokenClaims
}

// StaticToken is the source of a token brought along. It is never renewed.
func StaticToken(token string) TokenSource {
	return staticToken{text: NewSecret(token), claims: readToken(token)}
}

// Token returns the token until it has expired: Graph would only refuse it, without saying so plainly.
func (t staticToken) Token(context.Context) (Token, error) {
	if err := t.checkExpiry(time.Now()); err != nil {
		return Token{}, &TokenError{Err: err}
	}
	return Token{Text: t.text, Number: 1}, nil
}

func (t staticToken) checkExpiry(now time.Time) error {
	if end := t.claims.expires(); !end.IsZero() && !now.Before(end) {
		return fmt.Errorf("GRAPH_ACCESS_TOKEN expired at %s: bring a new one, or credentials that can log in", end.Format(time.RFC3339))
	}
	return nil
}

// Accepted has nothing to remember.
func (staticToken) Accepted(int64) {}

// Renew says that there is no other.
func (t staticToken) Renew(context.Context, int64, string) error {
	if err := t.checkExpiry(time.Now()); err != nil {
		return &RefusedError{Err: err}
	}
	return &RefusedError{Err: errors.New("GRAPH_ACCESS_TOKEN cannot be renewed: bring another one, or credentials that can log in")}
}

// Info tells what the token says.
func (t staticToken) Info() TokenInfo { return t.claims.info(TokenInfo{Kind: BroughtToken}) }

// check finds what a token has caught on its way here: a line break at its end, or the word before it.
func (t staticToken) check() error {
	token := t.text.Reveal()
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

// checkFor finds a token of another tenant or app. The error is a *TokenError.
func (t staticToken) checkFor(tenant uuid.UUID, app string) error {
	if err := t.claims.check(tenant, app); err != nil {
		return &TokenError{Err: fmt.Errorf("GRAPH_ACCESS_TOKEN: %w", err)}
	}
	return nil
}

// Format shows nothing of the token, whatever the verb.
func (staticToken) Format(f fmt.State, _ rune) { writeHidden(f) }
