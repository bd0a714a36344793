package graphsim_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"graphpatch/internal/graphsim"
)

func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{Faults: always("slow-body")})
		before := time.Now()
		w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody)
		if took := time.Since(before); took != 5*time.Second {
			t.Errorf("took %s", took)
		}
		if body := ask(sim, "GET", plainRoute+"/s1", "").Body.String(); w.Body.String() != body || fmt.Sprint(len(body)) != w.Header().Get("Content-Length") {
			t.Errorf("got %s, want %s", w.Body, body)
		}
	})
}

// TestSlowBodyBegins reads the headers long before the body is there.
func TestSlowBodyBegins(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: always("slow-body"), SlowBodyTime: time.Hour})
	server := httptest.NewServer(sim)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := server.Client().Do(request(t, "PATCH", server.URL+plainRoute+"/s1", documentedBody).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if text, err := io.ReadAll(answer.Body); err == nil || len(text) > 0 || answer.StatusCode != http.StatusOK {
		t.Errorf("%d %q %v", answer.StatusCode, text, err)
	}
	answer.Body.Close()
}

func TestHangIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{Faults: always("hang")})
		before := time.Now()
		askOrBeCut(sim, "PATCH", plainRoute+"/s1", documentedBody)
		if took := time.Since(before); took != 120*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// TestHangEndsWithTheServer would take as long as the grace of a shutdown, or
// two minutes, if it did not.
func TestHangEndsWithTheServer(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: always("hang")})
	ctx, stop := context.WithCancel(t.Context())
	listener, err := sim.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- sim.Serve(ctx, listener) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	asked := make(chan error)
	go func() {
		answer, err := client.Do(request(t, "PATCH", "http://"+listener.Addr().String()+plainRoute+"/s1", documentedBody))
		if err == nil {
			answer.Body.Close()
		}
		asked <- err
	}()
	awaitUnanswered(t.Context(), sim)
	stop()
	before := time.Now()
	if err := <-asked; err == nil {
		t.Error("answered")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if took := time.Since(before); took > 4*time.Second {
		t.Errorf("the shutdown took %s", took)
	}
}

// awaitUnanswered returns when a request hangs, which is in the log before it does.
func awaitUnanswered(ctx context.Context, sim *graphsim.Server) {
	for sim.Stats().Unanswered == 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
}

// TestTruncatedOnTheWire looks at the bytes, because a client's library may
// mend what it can.
func TestTruncatedOnTheWire(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: always("truncated")})
	server := httptest.NewServer(sim)
	defer server.Close()
	answer, err := server.Client().Do(request(t, "PATCH", server.URL+plainRoute+"/s1", documentedBody))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(bufio.NewReader(answer.Body))
	if err == nil || int64(len(text)) != answer.ContentLength/2 || !strings.HasPrefix(string(text), `{"@odata`) {
		t.Errorf("%d of %d bytes, %v", len(text), answer.ContentLength, err)
	}
}
