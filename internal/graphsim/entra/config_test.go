package entra

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewReportsAllFaults(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{
		Tenant: "x", App: "{22222222-2222-4222-8222-222222222222}", Certs: []*x509.Certificate{rsaCert, {PublicKey: key.Public()}},
		Roles: []string{"a", "none"}, Lifetime: time.Millisecond, Says: -time.Second, Approval: "maybe",
		Faults: []Fault{{Kind: "418"}, {Kind: "429", First: -1}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`login tenant "x": want a GUID like 11111111-1111-4111-8111-111111111111`,
		`login app "{22222222-2222-4222-8222-222222222222}": want a GUID like 11111111-1111-4111-8111-111111111111`,
		`login certificate 2: its key is not RSA, and the login service takes no other`,
		`login role none: cannot stand beside other roles`,
		`token lifetime 1ms: must be whole seconds, at least one`,
		`token says -1s: must be whole seconds, at least one`,
		`device approval "maybe": must be auto, manual or decline`,
		`login fault kind "418" is unknown: there are 429, 429-bare, 500, 503, reset, hang, html, expired-secret, slow-down, expired-code, no-discovery`,
		`login fault 429: first=-1 must not be negative`,
	}
	if diff := cmp.Diff(strings.Split(err.Error(), "\n"), want); diff != "" {
		t.Errorf("-got +want\n%s", diff)
	}
}

func TestExpiredTokensAreForgotten(t *testing.T) {
	s, err := New(Config{Lifetime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	first, _ := s.state.issue(Token{Issued: start, Expires: start.Add(time.Second)}, s.key)
	for range manyTokens {
		at := start.Add(2 * remembered)
		s.state.issue(Token{Issued: at, Expires: at.Add(time.Second)}, s.key)
	}
	if _, err := s.Present(first, start); err != ErrUnknown { //nolint:errorlint // returned as it is
		t.Errorf("got %v", err)
	}
	if got := len(s.state.tokens); got != manyTokens {
		t.Errorf("%d tokens are kept, want %d", got, manyTokens)
	}
}

func TestLogKeepsTheNewest(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 2*keepLogins + 5
	for range n {
		s.state.record(Login{})
	}
	all := s.Logins(0)
	if len(all) != keepLogins || all[0].Seq != n-keepLogins+1 || all[len(all)-1].Seq != n {
		t.Errorf("%d kept, %d to %d", len(all), all[0].Seq, all[len(all)-1].Seq)
	}
	if got := s.Logins(n - 2); len(got) != 2 || got[0].Seq != n-1 {
		t.Errorf("after %d: %v", n-2, got)
	}
	if got := s.Logins(n + 7); len(got) != 0 {
		t.Errorf("after the end: %v", got)
	}
}
