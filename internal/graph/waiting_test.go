package graph_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
)

// hanging takes requests and never answers, or stops in the middle of an answer.
func hanging(t *testing.T, begin string) (server *httptest.Server, arrived chan struct{}) {
	t.Helper()
	arrived = make(chan struct{}, 1)
	released := make(chan struct{})
	server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if begin != "" {
			_, _ = w.Write([]byte(begin))
			_ = http.NewResponseController(w).Flush()
		}
		arrived <- struct{}{}
		<-released
	})
	t.Cleanup(func() { close(released) })
	return server, arrived
}

func TestTooSlow(t *testing.T) {
	t.Parallel()
	for begin, want := range map[string]struct {
		status  int
		outcome graph.Outcome
	}{
		"":        {0, graph.Transient},
		`{"id":"`: {200, graph.Transient},
	} {
		server, _ := hanging(t, begin)
		config := configFor(server.URL)
		config.Timeout = 100 * time.Millisecond
		client := newClient(t, config)
		began := time.Now() // the time runs from then, and Elapsed from when the request has left
		x := patch(t, client)
		if waited := time.Since(began); x.Status != want.status || x.Outcome() != want.outcome || string(x.Body) != begin || waited < config.Timeout {
			t.Errorf("after %q: %d %s %q in %s", begin, x.Status, x.Outcome(), x.Body, waited)
		}
		if got, want := x.Err.Error(), "no complete answer within 100ms"; got != want {
			t.Errorf("after %q: got %s, want %s", begin, got, want)
		}
	}
}

func TestStoppedByTheCaller(t *testing.T) {
	t.Parallel()
	because := errors.New("the worker stops")
	for name, test := range map[string]struct {
		stop func(context.Context) (context.Context, func())
		want string
	}{
		"cancelled": {func(ctx context.Context) (context.Context, func()) {
			return context.WithCancel(ctx)
		}, "context canceled"},
		"for a reason": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(because) }
		}, "the worker stops"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, arrived := hanging(t, "")
			ctx, stop := test.stop(t.Context())
			defer stop()
			go func() {
				<-arrived
				stop()
			}()
			x := newClient(t, configFor(server.URL)).Patch(ctx, plain(), wanted(t), uuid.New())
			if !x.Sent || x.Status != 0 || x.Outcome() != graph.Unknown {
				t.Errorf("sent %v, %d %s", x.Sent, x.Status, x.Outcome())
			}
			if got, want := x.Problem(), "stopped while waiting for the answer: "+test.want; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestCallersDeadline(t *testing.T) {
	t.Parallel()
	server, _ := hanging(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	x := newClient(t, configFor(server.URL)).Patch(ctx, plain(), wanted(t), uuid.New())
	if x.Outcome() != graph.Unknown || !errors.Is(x.Err, context.DeadlineExceeded) {
		t.Errorf("%s %v", x.Outcome(), x.Err)
	}
}

// lateTokens is a login service in trouble.
type lateTokens struct {
	graph.TokenSource
	token func(context.Context) (string, error)
}

func (l lateTokens) Token(ctx context.Context) (graph.Token, error) {
	text, err := l.token(ctx)
	return graph.Token{Text: graph.NewSecret(text), Number: 1}, err
}

func TestNothingIsSentWithoutAToken(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	for name, test := range map[string]struct {
		tokens func(context.Context) (string, error)
		want   string
	}{
		"refused": {func(context.Context) (string, error) { return "", errors.New("wrong secret") }, "wrong secret"},
		"named":   {func(context.Context) (string, error) { return "", &graph.TokenError{Err: errors.New("wrong secret")} }, "wrong secret"},
		"hung": {func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", context.Cause(ctx)
		}, "no complete answer within 300ms"},
		"late": {func(ctx context.Context) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
			defer cancel()
			<-ctx.Done()
			return token, nil
		}, "the time to send had passed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configFor(server.URL)
			config.Tokens, config.Timeout = lateTokens{config.Tokens, test.tokens}, 300*time.Millisecond
			x := patch(t, newClient(t, config))
			if x.Sent || x.Status != 0 || x.Outcome() != graph.Unauthorized || x.Elapsed != 0 {
				t.Errorf("sent %v, %d %s", x.Sent, x.Status, x.Outcome())
			}
			var noToken *graph.TokenError
			if !errors.As(x.Err, &noToken) || !strings.HasPrefix(x.Problem(), "no token for Graph: ") || !strings.Contains(x.Problem(), test.want) {
				t.Errorf("got %v, want a token error that says %s", x.Err, test.want)
			}
		})
	}
	t.Cleanup(func() {
		if got := requests.Load(); got != 0 {
			t.Errorf("%d requests", got)
		}
	})
}

func TestReady(t *testing.T) {
	t.Parallel()
	config := configFor("https://graph.microsoft.com")
	if err := newClient(t, config).Ready(t.Context()); err != nil {
		t.Errorf("a token brought along: %v", err)
	}
	config.Tokens = lateTokens{config.Tokens, func(context.Context) (string, error) { return "", errors.New("closed") }}
	err := newClient(t, config).Ready(t.Context())
	if _, ok := errors.AsType[*graph.TokenError](err); !ok {
		t.Errorf("got %v", err)
	}
}
