package graph

import (
	"errors"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func lasting(life time.Duration) grant {
	return grant{text: NewSecret("t"), expires: noon.Add(life)}
}

func TestWhenATokenIsReplaced(t *testing.T) {
	t.Parallel()
	for life, want := range map[time.Duration]time.Duration{ // from noon
		time.Second:      800 * time.Millisecond,
		5 * time.Minute:  4 * time.Minute,
		time.Hour:        55 * time.Minute,
		28 * time.Hour:   27*time.Hour + 55*time.Minute,
		30 * time.Minute: 25 * time.Minute,
	} {
		var s tokenState
		s.adopt(noon, lasting(life), "")
		before, at, end := noon.Add(want-time.Millisecond), noon.Add(want), noon.Add(life)
		if s.due(before) || !s.usable(before) || !s.due(at) || !s.usable(at) || s.usable(end) || !s.due(end) {
			t.Errorf("%s: due %v %v %v, usable %v %v %v", life, s.due(before), s.due(at), s.due(end), s.usable(before), s.usable(at), s.usable(end))
		}
	}
	if s := (tokenState{}); s.usable(noon) || !s.due(noon) || s.barred(noon) != nil || s.hopeless() {
		t.Error("nothing has happened, and yet something is known")
	}
}

func TestLoginPause(t *testing.T) {
	t.Parallel()
	busy, refused := &loginError{text: "busy"}, &loginError{text: "refused", definite: true}
	asked := &loginError{text: "busy", retryAfter: 5 * time.Minute}
	for _, test := range []struct {
		err       error
		failures  int
		low, high time.Duration // without jitter, and with all of it
	}{
		{busy, 1, time.Second, time.Second},
		{busy, 2, time.Second, 2 * time.Second},
		{busy, 3, 2 * time.Second, 4 * time.Second},
		{busy, 6, 16 * time.Second, 32 * time.Second},
		{busy, 7, 30 * time.Second, time.Minute},
		{busy, 1000, 30 * time.Second, time.Minute},
		{asked, 1, 5 * time.Minute, 5 * time.Minute},
		{&loginError{retryAfter: time.Second}, 7, 30 * time.Second, time.Minute},
		{refused, 1, time.Minute, time.Minute},
		{refused, 9, time.Minute, time.Minute},
	} {
		if low, high := loginPause(test.err, test.failures, 0), loginPause(test.err, test.failures, 1); low != test.low || high != test.high {
			t.Errorf("%v, %d times: got %s to %s, want %s to %s", test.err, test.failures, low, high, test.low, test.high)
		}
	}
}

// TestTokenStory follows a token from the first login to the refusal of the last.
func TestTokenStory(t *testing.T) {
	t.Parallel()
	var s tokenState
	s.fail(noon, errors.New("away"), 0)
	err := s.barred(noon.Add(time.Second - 1))
	var barred *TokenError
	if !errors.As(err, &barred) || !barred.RetryAt.Equal(noon.Add(time.Second)) || s.barred(noon.Add(time.Second)) != nil {
		t.Fatalf("a failed login: %v", err)
	}
	s.adopt(noon, lasting(time.Hour), "")
	if !s.usable(noon) || s.number != 1 || s.failures != 0 || s.barred(noon) != nil {
		t.Fatal("a login did not heal it")
	}

	if !s.refuse(1, "") || s.usable(noon) || s.hopeless() || !s.refuse(1, "") || s.strikes != 1 {
		t.Fatal("the first refusal, told twice, is one, and not the end")
	}
	s.accept(1) // an answer that was under way
	s.adopt(noon, lasting(time.Hour), "")
	if s.refuse(1, "") || !s.usable(noon) {
		t.Fatal("word of the first token is old")
	}
	if !s.refuse(2, "") || !s.hopeless() {
		t.Fatal("a second refusal in a row is the end")
	}
	s.adopt(noon, lasting(time.Hour), "")
	if s.hopeless() {
		t.Fatal("a person had it tried again")
	}
	s.accept(3)
	if !s.refuse(3, `{"a":1}`) || s.hopeless() {
		t.Fatal("a token that was accepted in between ends the count")
	}
	s.adopt(noon, lasting(time.Hour), "")
	if s.usable(noon) || s.number != 3 {
		t.Fatal("a token without the claims that were asked for would be refused again")
	}
	s.adopt(noon, lasting(time.Hour), `{"a":1}`)
	if !s.usable(noon) || s.number != 4 || s.claims != "" {
		t.Fatal("a token with the claims was not taken")
	}
}
