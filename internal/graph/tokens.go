package graph

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// login asks for a token, never out of a cache. claims is what Graph asked the token to have, as JSON, or empty.
type login func(ctx context.Context, claims string) (grant, error)

const (
	// loginTime bounds a login, because neither MSAL nor its HTTP client does.
	loginTime = 30 * time.Second
	// loginEvery and loginBurst are the pace that no fault of ours or of Graph's can exceed. A token lasts an hour.
	loginEvery = 10 * time.Second
	loginBurst = 5
)

// tokens is the source for credentials that log in: one for each tenant and app, shared by all who send. MSAL's own
// cache cannot stand here, because it gives nothing out that ends within five minutes: a login for each request then.
type tokens struct {
	configured TokenInfo
	login      login

	mu     sync.Mutex
	state  tokenState
	flight chan struct{} // closed when the login under way has ended; nil: none is
	pace   *rate.Limiter
}

func newTokens(configured TokenInfo, login login) *tokens {
	return &tokens{configured: configured, login: login, pace: rate.NewLimiter(rate.Every(loginEvery), loginBurst)}
}

// Token returns the present token while it is good, and waits for a login only when it is not.
func (t *tokens) Token(ctx context.Context) (Token, error) {
	for {
		token, flight, err := t.next(ctx, time.Now())
		if flight == nil {
			return token, err
		}
		select {
		case <-flight:
		case <-ctx.Done():
			return Token{}, &TokenError{Err: context.Cause(ctx)}
		}
	}
}

// next returns a token, or the login to wait for, or why there is neither.
func (t *tokens) next(ctx context.Context, now time.Time) (Token, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.flight == nil && t.state.due(now) {
		err = t.start(ctx, now)
	}
	switch {
	case t.state.usable(now):
		return Token{Text: t.state.current.text, Number: t.state.number}, nil, nil
	case t.flight != nil:
		return Token{}, t.flight, nil
	}
	return Token{}, nil, err
}

// start begins a login, if one may be made now.
func (t *tokens) start(ctx context.Context, now time.Time) error {
	if err := t.state.barred(now); err != nil {
		return err
	}
	if !t.pace.AllowN(now, 1) {
		wait := time.Duration((1 - t.pace.TokensAt(now)) * float64(loginEvery))
		return &TokenError{Err: errors.New("too many logins in a short time"), RetryAt: now.Add(wait)}
	}
	t.flight = make(chan struct{})
	go t.fly(context.WithoutCancel(ctx), t.state.claims)
	return nil
}

// fly makes a login. It is everybody's, so it does not end with the caller that happened to come first.
func (t *tokens) fly(ctx context.Context, claims string) {
	ctx, cancel := context.WithTimeoutCause(ctx, loginTime, fmt.Errorf("no login within %s", loginTime))
	defer cancel()
	got, err := t.login(ctx, claims)
	now := time.Now()
	if err == nil {
		err = t.complete(&got, now)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.state.fail(now, err, rand.Float64())
	} else {
		t.state.adopt(now, got, claims)
	}
	close(t.flight)
	t.flight = nil
}

// complete reads what the token says of itself, and refuses one that cannot be the right one.
func (t *tokens) complete(got *grant, now time.Time) error {
	// Without this the end would be told by a clock that stands still while the machine sleeps.
	got.expires = got.expires.Round(0)
	claims := readToken(got.text.Reveal())
	if err := claims.check(t.configured.Tenant, t.configured.App); err != nil {
		return &loginError{text: err.Error(), definite: true}
	}
	if !now.Before(got.expires) {
		return &loginError{text: "the login service gave a token that has expired already: set this machine's clock right"}
	}
	configured := t.configured
	configured.Expires = got.expires
	got.info = claims.info(configured)
	return nil
}

// Accepted tells that Graph took the token of that number.
func (t *tokens) Accepted(number int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.accept(number)
}

// Renew makes one login for all who were refused the same token.
func (t *tokens) Renew(ctx context.Context, number int64, claims string) error {
	t.mu.Lock()
	present, hopeless := t.state.refuse(number, claims), t.state.hopeless()
	t.mu.Unlock()
	if present && hopeless {
		return &RefusedError{Err: errors.New("two tokens in a row were refused")}
	}
	_, err := t.Token(ctx)
	return err
}

// Info tells what is known of the present token; only what is configured when there is none yet.
func (t *tokens) Info() TokenInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.number == 0 {
		return t.configured
	}
	return t.state.current.info
}

// Format shows nothing of the credentials, whatever the verb.
func (*tokens) Format(f fmt.State, _ rune) { writeHidden(f) }
