package graph

import (
	"errors"
	"time"
)

// grant is what a login gave.
type grant struct {
	text    Secret
	expires time.Time
	info    TokenInfo
}

// tokenState decides about tokens: which is good, when to log in, when to stop. It asks no clock, waits for nothing and
// touches no network.
type tokenState struct {
	current   grant
	number    int64     // of current, 0: none yet
	refreshAt time.Time // from then on a new one is fetched while current is still good
	refused   bool      // Graph refused current
	strikes   int       // tokens refused in a row
	claims    string    // what Graph asked the next token to have

	failure  error     // of the last login, nil after a good one
	failures int       // in a row
	retryAt  time.Time // no login before
}

const (
	// refreshAhead is how long before its end a token is replaced at most; for a short-lived one it is a fifth of its life.
	refreshAhead = 5 * time.Minute
	// maxStrikes is how many tokens in a row Graph refuses before it is taken at its word: the first refusal may have been
	// the end of that token only.
	maxStrikes = 2

	backoffFirst = time.Second
	backoffMost  = time.Minute
	// refusalPause is how often a login that was refused for good is tried: a person may have put things right meanwhile.
	refusalPause = time.Minute
)

// usable reports whether the present token can be sent.
func (s *tokenState) usable(now time.Time) bool {
	return s.number > 0 && !s.refused && now.Before(s.current.expires)
}

// due reports whether a login would be of use: there is no good token, or its end is near.
func (s *tokenState) due(now time.Time) bool { return !s.usable(now) || !now.Before(s.refreshAt) }

// barred is why no login may be made now, nil when one may.
func (s *tokenState) barred(now time.Time) error {
	if s.failure == nil || !now.Before(s.retryAt) {
		return nil
	}
	return &TokenError{Err: s.failure, RetryAt: s.retryAt}
}

// adopt takes the token of a login that asked for the given claims. A login that began before Graph asked for more gave
// a token that Graph would refuse again.
func (s *tokenState) adopt(now time.Time, g grant, claims string) {
	s.failure, s.failures, s.retryAt = nil, 0, time.Time{}
	if claims != s.claims {
		return
	}
	s.current, s.refused, s.claims = g, false, ""
	s.number++
	life := g.expires.Sub(now)
	s.refreshAt = g.expires.Add(-min(life/5, refreshAhead))
}

// fail notes a login that gave no token. jitter is in [0, 1): without it all processes that lost the login service
// together would come back together.
func (s *tokenState) fail(now time.Time, err error, jitter float64) {
	s.failure = err
	s.failures++
	wait := loginPause(err, s.failures, jitter)
	s.retryAt = now.Add(wait)
}

// loginPause is how long to leave the login service alone after so many failures in a row.
func loginPause(err error, failures int, jitter float64) time.Duration {
	wait := backoffFirst << min(failures-1, 6)
	wait = min(wait, backoffMost)
	wait = max(wait/2+time.Duration(jitter*float64(wait/2)), backoffFirst)
	problem, ok := errors.AsType[*loginError](err)
	switch {
	case ok && problem.retryAfter > 0:
		return max(problem.retryAfter, wait)
	case ok && problem.definite:
		return refusalPause
	}
	return wait
}

// accept notes that Graph took a token. Word of a token that has been refused since is old.
func (s *tokenState) accept(number int64) {
	if number == s.number && !s.refused {
		s.strikes = 0
	}
}

// refuse notes that Graph refused a token. It reports whether the present one is meant; word of an older one is old, and
// there is another to send with.
func (s *tokenState) refuse(number int64, claims string) bool {
	if number != s.number {
		return false
	}
	if !s.refused {
		s.refused = true
		s.strikes++
	}
	if claims != "" {
		s.claims = claims
	}
	return true
}

// hopeless reports whether another token would be refused, too.
func (s *tokenState) hopeless() bool { return s.refused && s.strikes >= maxStrikes }
