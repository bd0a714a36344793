package entra

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Token is what an access token stands for.
type Token struct {
	ID          string // 16 hex digits of its SHA-256
	Tenant, App string
	Audience    string   // a root such as https://graph.microsoft.com, or Graph's GUID
	Permissions []string // roles of an app, scopes of a user
	Delegated   bool     // a user's
	Issued      time.Time
	Expires     time.Time
	Claims      string // asked for, as JSON; "" if none were

	answers string // the challenge that the claims answer
	managed bool   // by a managed identity, which has no way to ask for claims
}

// Why a token is not accepted.
var (
	ErrNotJWT  = errors.New("not a JWT")
	ErrUnknown = errors.New("this login service has not issued the token")
	ErrExpired = errors.New("the token is expired")
	ErrRevoked = errors.New("the token was revoked")
)

// ChallengeError says that the token must be asked for again, with these claims.
type ChallengeError struct {
	Claims string // JSON
}

func (e *ChallengeError) Error() string { return "the token does not answer the claims challenge" }

// Present returns what the token stands for at now, the service's own time. The
// error is one of those above or a *ChallengeError.
func (s *Service) Present(token string, now time.Time) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.tokens[sha256.Sum256([]byte(token))]
	switch {
	case !ok && strings.Count(token, ".") != 2:
		return Token{}, ErrNotJWT
	case !ok:
		return Token{}, ErrUnknown
	case !now.Before(found.Expires):
		return Token{}, ErrExpired
	case !found.Issued.After(s.state.revoked):
		return Token{}, ErrRevoked
	}
	return found, s.state.challenge.put(found)
}

// challenge is a demand for tokens with certain claims. Its zero value demands
// nothing.
type challenge struct {
	nonce string
	since time.Time
}

func (c challenge) put(token Token) error {
	if c.nonce == "" || token.answers == c.nonce || token.managed && token.Issued.After(c.since) {
		return nil
	}
	return &ChallengeError{Claims: `{"access_token":{"nbf":{"essential":true,"value":"` + c.nonce + `"}}}`}
}

// answered finds in the claims of a request which challenge they answer.
func answered(claims string) string {
	var asked struct {
		AccessToken struct {
			NotBefore struct {
				Value string `json:"value"`
			} `json:"nbf"`
		} `json:"access_token"`
	}
	if json.Unmarshal([]byte(claims), &asked) != nil {
		return ""
	}
	return asked.AccessToken.NotBefore.Value
}

// manyTokens is when those that expired long ago are first cleared away.
const manyTokens = 4096

// remembered is for how long after its end a token is told that it is expired,
// and not that it is unknown.
const remembered = time.Hour

// issue gives out a token. Its Issued is made later than any before it, because
// revoking goes by time and clocks are coarse.
func (s *state) issue(t Token, key []byte) (raw string, issued Token) {
	if !t.Issued.After(s.lastIssued) {
		t.Issued = s.lastIssued.Add(1)
	}
	s.lastIssued = t.Issued
	t.answers = answered(t.Claims)
	raw = sign(key, t.payload())
	t.ID = shortHash(raw)
	if len(s.tokens) >= s.sweepAt {
		s.forgetExpired(t.Issued)
	}
	s.tokens[sha256.Sum256([]byte(raw))] = t
	return raw, t
}

func (s *state) forgetExpired(now time.Time) {
	for sum, t := range s.tokens {
		if now.Sub(t.Expires) > remembered {
			delete(s.tokens, sum)
		}
	}
	s.sweepAt = max(manyTokens, 2*len(s.tokens))
}

// payload are the claims that Entra's tokens for Graph have.
func (t Token) payload() map[string]any {
	claims := map[string]any{
		"aud": t.Audience, "iss": "https://sts.windows.net/" + t.Tenant + "/",
		"iat": t.Issued.Unix(), "nbf": t.Issued.Unix(), "exp": t.Expires.Unix(),
		"tid": t.Tenant, "appid": t.App, "oid": userID, "sub": userID, "uti": rand.Text(), "ver": "1.0",
	}
	if t.Delegated {
		claims["scp"], claims["upn"] = strings.Join(t.Permissions, " "), userName
	} else {
		claims["roles"], claims["idtyp"] = t.Permissions, "app"
	}
	if strings.Contains(t.Claims, `"xms_cc"`) {
		claims["xms_cc"] = []string{"CP1"}
	}
	return claims
}

// The one user of the tenant, and its id. The app's own object has the same.
const (
	userID   = "33333333-3333-4333-8333-333333333333"
	userName = "user@" + Domain
)

// sign makes a JWT. Nobody but this service has to believe it, so the key is
// one that only this service has.
func sign(key []byte, payload map[string]any) string {
	body := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(mustMarshal(payload))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(body))
	return body + "." + encode(mac.Sum(nil))
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// shortHash names something in the log without giving it away.
func shortHash(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// mustMarshal is for values made of strings and numbers, which cannot fail.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
