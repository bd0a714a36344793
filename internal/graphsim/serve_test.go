package graphsim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"graphpatch/internal/graphsim"
)

func TestServeUntilCancelled(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := sim.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- sim.Serve(ctx, listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://" + listener.Addr().String() + "/_sim/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := client.Get("http://" + listener.Addr().String() + "/_sim/healthz"); err == nil {
		t.Error("still answers")
	}
}

func TestClientThatLeaves(t *testing.T) {
	sim := newSim(t, graphsim.Config{Latency: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest("PATCH", plainRoute+"/s1", strings.NewReader(documentedBody)).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer x")
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
		if s := sim.Stats(); s.Unanswered != 1 || s.Applied != 0 || s.InFlight != 0 || len(sim.Statuses()) != 0 {
			t.Errorf("%+v", s)
		}
	}()
	sim.ServeHTTP(httptest.NewRecorder(), r)
}

// TestConcurrently is for the race detector, and adds up at the end.
func TestConcurrently(t *testing.T) {
	const clients, each, limit = 8, 60, 200
	sim := newSim(t, graphsim.Config{WriteLimit: graphsim.Limit{Requests: limit, Window: time.Hour}, Jitter: time.Millisecond, KeepRequests: 100})
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				ask(sim, "PATCH", fmt.Sprintf("%s/%d", plainRoute, (c*each+i)%50), documentedBody)
				if i%20 == 0 {
					ask(sim, "GET", plainRoute, "")
					ask(sim, "GET", "/_sim/requests", "")
					ask(sim, "GET", "/_sim/stats", "")
				}
			}
		})
	}
	all.Wait()
	s := sim.Stats()
	writes := uint64(clients * each)
	if s.Applied != limit || s.Throttled != writes-limit || s.WorstWindowWrites != clients*each || s.InFlight != 0 || s.MaxInFlight > clients {
		t.Errorf("%+v", s)
	}
	if s.Requests != writes+clients*3 || s.KeptRequests != 100 || len(sim.Requests()) != 100 {
		t.Errorf("%+v", s)
	}
}

func ExampleNew() {
	sim, err := graphsim.New(graphsim.Config{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()

	r, _ := http.NewRequest("PATCH", server.URL+"/beta/deviceManagement/deviceConfigurations/c1/userStatuses/s1", strings.NewReader(`{"status":"compliant"}`))
	r.Header.Set("Authorization", "Bearer any")
	r.Header.Set("Content-Type", "application/json")
	answer, err := server.Client().Do(r)
	if err != nil {
		panic(err)
	}
	answer.Body.Close()

	fmt.Println(answer.Status)
	fmt.Println(sim.Requests()[0].Body)
	fmt.Println(sim.Statuses()[0].ID, sim.Statuses()[0].Properties.Status)
	// Output:
	// 200 OK
	// {"status":"compliant"}
	// s1 compliant
}
