package graph_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/graph"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/userstatus"
)

// What was sent is what is read, on each of the ten routes, and in the list.
func TestReadingOnEveryRoute(t *testing.T) {
	t.Parallel()
	sim, client := newSim(t, graphsim.Config{PageSize: 2})
	for _, route := range userstatus.Routes() {
		target := userstatus.Target{Route: route.Name, ConfigurationID: "c/1", StatusID: "s"}
		if route.CertificateID {
			target.CertificateID = "cert"
		}
		for n := range 5 {
			target.StatusID = "s?" + strconv.Itoa(n)
			if x := client.Patch(t.Context(), target, wanted(t), uuid.New()); x.Status != 200 {
				t.Fatalf("%s: %s", route.Name, x.Problem())
			}
		}
		x, o, err := client.Get(t.Context(), target, uuid.New())
		if err != nil || x.Method != "GET" || x.RequestBody != nil || o.ID != target.StatusID || wanted(t).Differs(o) != 0 {
			t.Errorf("%s: %v, %+v", route.Name, err, o)
		}
		var all []graph.Shown
		pages := 0
		for l := client.List(target); !l.Done(); pages++ {
			_, page, err := l.Next(t.Context(), uuid.New())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
		}
		if len(all) != 5 || pages != 3 || wanted(t).Differs(all[4].Observed) != 0 || !strings.Contains(string(all[4].JSON), `"@odata.type"`) {
			t.Errorf("%s: %d statuses on %d pages", route.Name, len(all), pages)
		}
	}
	_, overview, err := client.Overview(t.Context(), "c/1", uuid.New())
	if err != nil || overview.Sum() != 5 || overview.NotApplicable != 5 {
		t.Errorf("the overview: %+v, %v", overview, err)
	}
	_, n, err := client.Configurations(t.Context(), uuid.New())
	if err != nil || n != 1 {
		t.Errorf("%d configurations, %v", n, err)
	}
	for _, r := range sim.Requests() {
		if r.Status != 200 {
			t.Errorf("%s %s: %d", r.Method, r.Path, r.Status)
		}
	}
}

func TestReadingWhatIsNotThere(t *testing.T) {
	t.Parallel()
	_, client := newSim(t, graphsim.Config{})
	x, _, err := client.Get(t.Context(), plain(), uuid.New())
	var read *graph.ReadError
	if x.Status != 404 || !errors.As(err, &read) || !strings.Contains(read.Problem, "ResourceNotFound") {
		t.Errorf("got %d, %v", x.Status, err)
	}
	for name, server := range map[string]string{
		"an answer that is no status": answering(t, 200, `{"value":[]}`).URL,
		"an answer that broke off":    answering(t, 200, `{"id":"1","status":"comp`, "Content-Length", "24").URL,
		"a page":                      answering(t, 200, `<html>`).URL,
		"nothing":                     answering(t, 204, "").URL,
	} {
		if x, _, err := newClient(t, configFor(server)).Get(t.Context(), plain(), uuid.New()); !errors.As(err, &read) {
			t.Errorf("%s: got %d, %v", name, x.Status, err)
		}
	}
}

// A GET says nothing about a body it does not have.
func TestHeadersOfAGet(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		_, _ = io.WriteString(w, `{"id":"1"}`)
	})
	if _, _, err := newClient(t, configFor(server.URL)).Get(t.Context(), plain(), uuid.New()); err != nil {
		t.Fatal(err)
	}
	got := <-headers
	for name, want := range map[string]string{
		"Content-Type": "", "Content-Length": "", "Prefer": "", "Accept": "application/json", "Authorization": "Bearer " + token,
	} {
		if got.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.Get(name), want)
		}
	}
}

// A fault midway: the listing stays at its page and goes on from there.
func TestListingResumesAtItsPage(t *testing.T) {
	t.Parallel()
	faults, err := graphsim.ParseFaults([]string{"504:method=GET:after=1:first=1"})
	if err != nil {
		t.Fatal(err)
	}
	_, client := newSim(t, graphsim.Config{PageSize: 2, Statuses: 5, Faults: faults})
	demo := userstatus.Target{Route: "plain", ConfigurationID: graphsim.DemoConfiguration}
	l := client.List(demo)
	var ids, told []string
	for !l.Done() {
		x, page, err := l.Next(t.Context(), uuid.New())
		told = append(told, fmt.Sprint(x.Status))
		for _, o := range page {
			ids = append(ids, o.ID)
		}
		if (err != nil) != (x.Status == 504) {
			t.Fatalf("%d: %v", x.Status, err)
		}
		// Another process goes on where this one stood.
		other := client.List(demo)
		if err := other.Resume(l.Link()); err != nil {
			t.Fatal(err)
		}
		l = other
	}
	if strings.Join(told, " ") != "200 504 200 200" || len(ids) != 5 || ids[0] == ids[4] {
		t.Errorf("answers %v, statuses %v", told, ids)
	}
}

func TestLinksThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	for kind, words := range map[string]string{"loop-link": "read before", "foreign-link": "another host"} {
		faults, err := graphsim.ParseFaults([]string{kind + ":100%"})
		if err != nil {
			t.Fatal(err)
		}
		sim, client := newSim(t, graphsim.Config{PageSize: 2, Statuses: 5, Faults: faults})
		l := client.List(userstatus.Target{Route: "plain", ConfigurationID: graphsim.DemoConfiguration})
		_, page, err := l.Next(t.Context(), uuid.New())
		var link *graph.LinkError
		if !errors.As(err, &link) || !strings.Contains(err.Error(), words) || page != nil || l.Done() {
			t.Errorf("%s: %v, page %v", kind, err, page)
		}
		if stats := sim.Stats(); stats.Elsewhere != 0 || stats.Requests != 1 {
			t.Errorf("%s: %d requests, %d of them elsewhere", kind, stats.Requests, stats.Elsewhere)
		}
	}
	_, client := newSim(t, graphsim.Config{})
	for _, link := range []string{
		"https://evil.example/beta", "//evil.example/", "/beta/x", "x", "ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.0.0.1:1/beta", "%zz", "http://127.0.0.1",
	} {
		if err := client.List(plain()).Resume(link); err == nil {
			t.Errorf("%q is followed", link)
		}
	}
}

// A longer circle of links ends, too, and so does a page without statuses go on.
func TestCirclesAndEmptyPages(t *testing.T) {
	t.Parallel()
	var root string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("p"))
		fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"%s/beta/next?p=%d"}`, root, (page+1)%4)
	})
	root = server.URL
	l := newClient(t, configFor(root)).List(plain())
	pages := 0
	for !l.Done() {
		_, _, err := l.Next(t.Context(), uuid.New())
		if link := (*graph.LinkError)(nil); errors.As(err, &link) {
			break
		}
		if err != nil || pages > 10 {
			t.Fatal(pages, err)
		}
		pages++
	}
	if pages != 4 {
		t.Errorf("%d pages before the circle was seen", pages)
	}
}

// However many statuses there are, they take the memory of a page.
func TestListingTakesTheMemoryOfAPage(t *testing.T) {
	const pages, size = 100, 1000
	one := `{"@odata.type":"#microsoft.graph.deviceConfigurationUserStatus","id":"a0a0a0a0-b1b1-c2c2-d3d3-e4e4e4e4e4e4_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0","userDisplayName":"Ada","devicesCount":1,"status":"compliant","lastReportedDateTime":"2026-11-23T08:15:00Z","userPrincipalName":"ada@contoso.com"}`
	values := strings.TrimSuffix(strings.Repeat(one+",", size), ",")
	var root string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("p"))
		next := ""
		if page+1 < pages {
			next = fmt.Sprintf(`,"@odata.nextLink":"%s/beta/next?p=%d"`, root, page+1)
		}
		_, _ = io.WriteString(w, `{"value":[`+values+`]`+next+`}`)
	})
	root = server.URL
	l := newClient(t, configFor(root)).List(plain())
	var most uint64
	seen := 0
	for !l.Done() {
		x, page, err := l.Next(t.Context(), uuid.New())
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Body) > 64<<10 || !x.BodyCut {
			t.Fatalf("the exchange keeps %d bytes, cut %v", len(x.Body), x.BodyCut)
		}
		seen += len(page)
		if seen%(25*size) == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	if seen != pages*size || most > 20<<20 {
		t.Errorf("%d statuses, %d MiB in use", seen, most>>20)
	}
}
