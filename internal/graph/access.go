package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Ready obtains a token, so that nothing is claimed while there is none to send with. Whoever sends without having been
// Ready may find that a login takes longer than a request is allowed to wait for it. The error is a *TokenError, which
// says when the next try is made; until then it comes at once.
func (c *Client) Ready(ctx context.Context) error {
	if _, err := c.tokens.Token(ctx); err != nil {
		return asTokenError(err)
	}
	return nil
}

// Renew is for an exchange that Graph answered with 401: it gets another token, one for all who were refused the same,
// with the claims that Graph asks for. nil: send again. A *TokenError: there is none to be had now. A *RefusedError: Graph
// refuses every token, and sending on would change nothing.
func (c *Client) Renew(ctx context.Context, x Exchange) error {
	if x.Status != http.StatusUnauthorized {
		return c.Ready(ctx)
	}
	err := c.tokens.Renew(ctx, x.token, claimsChallenge(x.Header))
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Err: fmt.Errorf("%s (%w)", x.Problem(), refused.Err)}
	}
	if err != nil {
		return asTokenError(err)
	}
	return nil
}

// Token tells people what is known of the present token, which is not in it.
func (c *Client) Token() TokenInfo { return c.tokens.Info() }

// noteToken tells the source what Graph made of the token. Whatever is not a 401 was read by somebody who had taken it.
func (c *Client) noteToken(x Exchange) {
	if x.Status != 0 && x.Status != http.StatusUnauthorized {
		c.tokens.Accepted(x.token)
	}
}
