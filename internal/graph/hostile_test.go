package graph_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/userstatus"
)

// hostileKinds are the simulator's faults that no service is meant to answer with, and what each has to mean.
var hostileKinds = map[string]struct {
	status  int // 0: none that can be believed
	outcome graph.Outcome
	problem string // in it
}{
	"endless":         {500, graph.Transient, "InternalServerError"},
	"deep":            {500, graph.Transient, "Internal Server Error"},
	"bomb":            {500, graph.Transient, "Internal Server Error"},
	"flood":           {0, graph.Transient, ""},
	"hints":           {0, graph.Transient, "header"},
	"nul":             {500, graph.Transient, "InternalServerError: a"},
	"huge":            {500, graph.Transient, "InternalServerError: An error has occurred."},
	"html":            {502, graph.Transient, "502 Bad Gateway"},
	"empty":           {500, graph.Transient, "Internal Server Error"},
	"truncated-error": {500, graph.Transient, "InternalServerError"},
	"truncated":       {200, graph.Transient, "unexpected EOF"},
	"login-page":      {200, graph.Unknown, "Sign in to the network"},
	"reset":           {0, graph.Transient, ""},
	"301":             {301, graph.Rejected, "Moved Permanently"},
	"307":             {307, graph.Rejected, "Temporary Redirect"},
	"308":             {308, graph.Rejected, "Permanent Redirect"},
}

// slowKinds end only by the client's own time.
var slowKinds = map[string]int{"drip": 200, "hang": 0}

// faultsByStatus have a PATCH meet the fault that its status is called after.
func faultsByStatus() (faults []graphsim.Fault) {
	for kind := range hostileKinds {
		faults = append(faults, graphsim.Fault{Kind: kind, StatusID: kind})
	}
	for kind := range slowKinds {
		faults = append(faults, graphsim.Fault{Kind: kind, StatusID: kind})
	}
	return faults
}

func patchStatus(t testing.TB, client *graph.Client, id string) graph.Exchange {
	t.Helper()
	return client.Patch(t.Context(), userstatus.Target{Route: "plain", ConfigurationID: configuration, StatusID: id}, wanted(t), uuid.New())
}

// TestHostileAnswers tells of each, over HTTP/1.1 and HTTP/2, that it means what it has to, that no more is kept of it than
// may be, and that the token goes nowhere else.
func TestHostileAnswers(t *testing.T) {
	sim, err := graphsim.New(graphsim.Config{Faults: faultsByStatus()})
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]*graph.Client{
		"HTTP/1.1": newClient(t, configFor(serve(t, sim.ServeHTTP).URL)),
		"HTTP/2":   serveTLS(t, sim, func(s *httptest.Server) { s.EnableHTTP2 = true }),
	}
	for proto, client := range clients {
		for kind, want := range hostileKinds {
			t.Run(proto+"/"+kind, func(t *testing.T) {
				x := patchStatus(t, client, kind)
				if x.Status != want.status || x.Outcome() != want.outcome || !strings.Contains(x.Problem(), want.problem) {
					t.Errorf("got %d %s %.300q", x.Status, x.Outcome(), x.Problem())
				}
				if len(x.Body) > 64<<10 || len(x.KeptHeaders()) > 64<<10 || len(x.Problem()) > 2100 {
					t.Errorf("kept %d bytes of its body, %d of its headers, and says %d", len(x.Body), len(x.KeptHeaders()), len(x.Problem()))
				}
				if long := slices.Contains([]string{"endless", "deep", "huge", "bomb"}, kind); x.BodyCut != long {
					t.Errorf("cut: %v", x.BodyCut)
				}
			})
		}
	}
	if s := sim.Stats(); s.Elsewhere != 0 {
		t.Errorf("%d requests followed a redirect", s.Elsewhere)
	}
}

// TestDripEndsInTime tells that an answer which never stands still, and never ends, is no success.
func TestDripEndsInTime(t *testing.T) {
	t.Parallel()
	sim, err := graphsim.New(graphsim.Config{Faults: faultsByStatus()})
	if err != nil {
		t.Fatal(err)
	}
	config := configFor(serve(t, sim.ServeHTTP).URL)
	config.Timeout = 300 * time.Millisecond
	client := newClient(t, config)
	for kind, status := range slowKinds {
		x := patchStatus(t, client, kind)
		if x.Status != status || x.Outcome() != graph.Transient || x.Problem() != "no complete answer within 300ms" {
			t.Errorf("%s: got %d %s %q", kind, x.Status, x.Outcome(), x.Problem())
		}
	}
}

// TestMemoryOfHostileAnswers counts everything that is allocated for one exchange, by client and simulator together.
func TestMemoryOfHostileAnswers(t *testing.T) {
	sim, client := newSim(t, graphsim.Config{Faults: faultsByStatus()})
	patchStatus(t, client, "bomb") // it is packed once
	for kind := range hostileKinds {
		before := allocated()
		patchStatus(t, client, kind)
		// The simulator's own part: the deep body is a megabyte, the huge one five, which are written and escaped.
		if got := allocated() - before; got > 40<<20 {
			t.Errorf("%s: %d MiB", kind, got>>20)
		}
	}
	if got := sim.Stats().Requests; got != uint64(len(hostileKinds)+1) {
		t.Errorf("%d requests", got)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// connections counts what a server has open.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]bool
	most int
}

func (c *connections) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = true
		c.most = max(c.most, len(c.open))
	case http.StateClosed, http.StateHijacked: // who hijacks here closes at once
		delete(c.open, conn)
	case http.StateActive, http.StateIdle:
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// await wants at most so many to be left, as soon as the server has heard of it.
func (c *connections) await(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); c.count() > most; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open, want %d at most", c.count(), most)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestNothingLeaks makes a thousand hostile exchanges, eight at a time: afterwards there are no more connections than the
// idle ones that were asked for, and none when the client is closed; that no goroutine is left, TestMain tells.
func TestNothingLeaks(t *testing.T) {
	const workers, each = 8, 125
	sim, err := graphsim.New(graphsim.Config{Faults: faultsByStatus(), WriteLimit: graphsim.Limit{Requests: 1 << 20, Window: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	seen := &connections{open: map[net.Conn]bool{}}
	server := httptest.NewUnstartedServer(sim)
	server.Config.ConnState = seen.state
	server.Start()
	t.Cleanup(server.Close)
	config := configFor(server.URL)
	config.Connections = workers
	patient := newClient(t, config)
	config.Timeout = 200 * time.Millisecond
	hasty := newClient(t, config)
	kinds := make([]string, 0, len(hostileKinds)+1)
	for kind := range hostileKinds {
		if kind != "huge" { // the simulator would take most of the time to write it; endless is worse for us
			kinds = append(kinds, kind)
		}
	}
	kinds = append(kinds, "an ordinary one")
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				patchStatus(t, patient, kinds[(w+i)%len(kinds)])
			}
			for kind := range slowKinds {
				patchStatus(t, hasty, kind)
			}
		})
	}
	all.Wait()
	if got, want := sim.Stats().Requests, uint64(workers*each); got < want {
		t.Errorf("%d requests, want %d", got, want)
	}
	seen.await(t, 2*workers)
	// Connections that are given up may overlap with those that follow them.
	if seen.most > 6*workers {
		t.Errorf("%d connections at once", seen.most)
	}
	patient.Close()
	hasty.Close()
	seen.await(t, 0)
}

// TestHostilePages reads what is no list, and what is one but too long, too deep, packed or not from there.
func TestHostilePages(t *testing.T) {
	const one = `{"id":"1"},`
	for name, test := range map[string]struct{ body, want string }{
		"long":             {`{"value":[` + strings.Repeat(one, 5<<20/len(one)) + one[:len(one)-1] + `]}`, "longer than 4 MiB"},
		"many":             {`{"value":[` + strings.Repeat(one, 4<<20/len(one)-8) + one[:len(one)-1] + `]}`, ""},
		"deep":             {`{"value":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", "exceeded max depth"},
		"deep in a status": {`{"value":[{"id":"1","more":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}]}", "exceeded max depth"},
		"a page of HTML":   {"<html>", "invalid character '<'"},
		"NUL":              {"{\"value\":[\x00]}", `invalid character '\x00'`},
		"a number":         {`{"value":[{"id":"1","devicesCount":1e400}]}`, "devicesCount is 1e400"},
		"a long link":      {`{"value":[],"@odata.nextLink":"http://x/` + strings.Repeat("x", 8<<10) + `"}`, "the link to the next page is longer than 8 KiB"},
		"a link elsewhere": {`{"value":[],"@odata.nextLink":"https://example.org@127.0.0.1/"}`, "leads to another host"},
		"a link to a file": {`{"value":[],"@odata.nextLink":"file:///etc/passwd"}`, "leads to another host"},
	} {
		t.Run(name, func(t *testing.T) {
			listing := newClient(t, configFor(answering(t, http.StatusOK, test.body).URL)).List(plain())
			before := allocated()
			_, page, err := listing.Next(t.Context(), uuid.New())
			if test.want == "" && (err != nil || len(page) == 0) || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("%d statuses, %v", len(page), err)
			}
			if text := fmt.Sprint(err); len(text) > 500 {
				t.Errorf("%d bytes are said about it", len(text))
			}
			if got := allocated() - before; got > 1<<30 {
				t.Errorf("%d MiB were allocated", got>>20)
			}
		})
	}
}
