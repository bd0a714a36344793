package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

// service is a login service inside a bubble of time: each login takes a second.
type service struct {
	mu     sync.Mutex
	claims []string
	life   time.Duration
	err    error
}

func (s *service) login(ctx context.Context, claims string) (grant, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return grant{}, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, claims)
	if s.err != nil {
		return grant{}, s.err
	}
	return grant{text: NewSecret(fmt.Sprintf("token %d", len(s.claims))), expires: time.Now().Add(s.life)}, nil
}

// asked are the claims of all logins.
func (s *service) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.claims)
}

func (s *service) logins() int { return len(s.asked()) }

func (s *service) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func bubble(t *testing.T, story func(*testing.T, *service, *tokens)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{life: time.Hour}
		story(t, s, newTokens(TokenInfo{Kind: ClientSecret}, s.login))
		synctest.Wait()
	})
}

// expect asks for a token and tells how long that took.
func expect(t *testing.T, tokens *tokens, want string, wait time.Duration) Token {
	t.Helper()
	before := time.Now()
	got, err := tokens.Token(t.Context())
	if waited := time.Since(before); err != nil || got.Text.Reveal() != want || waited != wait {
		t.Errorf("got %q after %s, %v, want %q after %s", got.Text.Reveal(), waited, err, want, wait)
	}
	return got
}

func expectError(t *testing.T, tokens *tokens, want string, wait time.Duration) *TokenError {
	t.Helper()
	before := time.Now()
	got, err := tokens.Token(t.Context())
	var noToken *TokenError
	if waited := time.Since(before); !errors.As(err, &noToken) || !strings.Contains(err.Error(), want) || waited != wait {
		t.Fatalf("got %q after %s, %v, want %s after %s", got.Text.Reveal(), waited, err, want, wait)
	}
	return noToken
}

func TestRefreshAhead(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		expect(t, tokens, "token 1", time.Second)
		time.Sleep(54 * time.Minute)
		expect(t, tokens, "token 1", 0)
		time.Sleep(time.Minute)
		expect(t, tokens, "token 1", 0) // and fetches the next
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, tokens, "token 2", 0)
		if s.logins() != 2 {
			t.Errorf("%d logins", s.logins())
		}
	})
}

// TestRefreshThatFails tells that the old token is used to its very end, and the login service is not hammered meanwhile.
func TestRefreshThatFails(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		expect(t, tokens, "token 1", time.Second)
		s.set(&loginError{text: "busy"})
		end := time.Now().Add(time.Hour)
		time.Sleep(55 * time.Minute)
		for time.Now().Before(end) {
			expect(t, tokens, "token 1", 0)
			time.Sleep(time.Second)
		}
		if s.logins() < 6 || s.logins() > 16 {
			t.Errorf("%d logins in five minutes", s.logins())
		}
		synctest.Wait()
		tokens.mu.Lock()
		retryAt := tokens.state.retryAt
		tokens.mu.Unlock()
		for time.Now().Before(retryAt) {
			if got := expectError(t, tokens, "busy", 0); !got.RetryAt.Equal(retryAt) {
				t.Errorf("next try at %s, want %s", got.RetryAt, retryAt)
			}
			time.Sleep(time.Second)
		}
		s.set(nil)
		time.Sleep(time.Minute)
		if _, err := tokens.Token(t.Context()); err != nil {
			t.Errorf("it did not heal: %v", err)
		}
	})
}

func TestLoginServiceThatAsksToWait(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		s.set(&loginError{text: "busy", retryAfter: 10 * time.Minute})
		expectError(t, tokens, "busy", time.Second)
		s.set(nil)
		time.Sleep(10*time.Minute - 1)
		expectError(t, tokens, "busy", 0)
		time.Sleep(time.Nanosecond)
		expect(t, tokens, "token 2", time.Second)
	})
}

func TestRefusalIsTriedOnceAMinute(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		s.set(&loginError{text: "invalid_client", definite: true})
		for range 600 {
			_, _ = tokens.Token(t.Context())
			time.Sleep(time.Second)
		}
		if s.logins() < 9 || s.logins() > 10 {
			t.Errorf("%d logins in ten minutes", s.logins())
		}
	})
}

// TestRenewOnceForAll tells that fifty callers with one refused token share a login, with the claims that Graph asks for.
func TestRenewOnceForAll(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		first := expect(t, tokens, "token 1", time.Second)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := tokens.Renew(t.Context(), first.Number, nbf); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		second := expect(t, tokens, "token 2", 0)
		before := time.Now()
		if err := tokens.Renew(t.Context(), first.Number, nbf); err != nil || !time.Now().Equal(before) {
			t.Errorf("the refused token was replaced already: %v", err)
		}
		if s.logins() != 2 || s.asked()[0] != "" || s.asked()[1] != nbf {
			t.Errorf("%d logins with %q", s.logins(), s.asked())
		}
		var refused *RefusedError
		if err := tokens.Renew(t.Context(), second.Number, ""); !errors.As(err, &refused) || s.logins() != 2 {
			t.Errorf("got %v after %d logins", err, s.logins())
		}
		third := expect(t, tokens, "token 3", time.Second) // for whoever is told to go on all the same
		tokens.Accepted(third.Number)
		if err := tokens.Renew(t.Context(), third.Number, ""); err != nil {
			t.Errorf("after an accepted token: %v", err)
		}
	})
}

// TestChallengeDuringALogin tells that a login that began before Graph asked for claims is not taken for the answer.
func TestChallengeDuringALogin(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		first := expect(t, tokens, "token 1", time.Second)
		time.Sleep(55 * time.Minute)
		expect(t, tokens, "token 1", 0) // a login begins
		if err := tokens.Renew(t.Context(), first.Number, nbf); err != nil {
			t.Error(err)
		}
		expect(t, tokens, "token 3", 0)
	})
}

func TestLoginsArePaced(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		var paced *TokenError
		for range 100 {
			token, err := tokens.Token(t.Context())
			if errors.As(err, &paced) {
				break
			}
			tokens.Accepted(token.Number)
			_ = tokens.Renew(t.Context(), token.Number, "")
		}
		if s.logins() < loginBurst || s.logins() > loginBurst+1 || paced == nil {
			t.Fatalf("%d logins, %v", s.logins(), paced)
		}
		time.Sleep(time.Until(paced.RetryAt) + time.Millisecond)
		if _, err := tokens.Token(t.Context()); err != nil {
			t.Errorf("when it said: %v", err)
		}
	})
}

func TestTokenThatIsDeadOnArrival(t *testing.T) {
	bubble(t, func(t *testing.T, s *service, tokens *tokens) {
		s.life = -time.Minute
		expectError(t, tokens, "clock", time.Second)
		if s.logins() != 1 {
			t.Errorf("%d logins", s.logins())
		}
	})
}

func TestLoginThatTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(TokenInfo{}, func(ctx context.Context, _ string) (grant, error) {
			<-ctx.Done()
			return grant{}, loginFacts{}.explain(ctx, ctx.Err(), time.Now())
		})
		expectError(t, tokens, "no login within 30s", 30*time.Second)
	})
}

// TestTokenOfAnother tells that a token of another tenant or app is never sent.
func TestTokenOfAnother(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		`{"tid":"11111111-2222-4333-8444-555555555555","appid":"APP-1"}`: "",
		`{"azp":"app-1"}`: "",
		`{}`:              "",
		`{"tid":"99999999-2222-4333-8444-555555555555"}`: "the token was issued for the tenant 99999999-2222-4333-8444-555555555555, but AZURE_TENANT_ID is 11111111-2222-4333-8444-555555555555",
		`{"appid":"app-2"}`: "the token was issued to the app app-2, but AZURE_CLIENT_ID is app-1",
		`{"azp":"app-2"}`:   "the token was issued to the app app-2, but AZURE_CLIENT_ID is app-1",
	} {
		configured := TokenInfo{Tenant: uuid.MustParse("11111111-2222-4333-8444-555555555555"), App: "app-1"}
		got := grant{text: NewSecret(encodeJWT(claims)), expires: noon.Add(time.Hour)}
		err := newTokens(configured, nil).complete(&got, noon)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %q", claims, err, want)
		}
	}
}
