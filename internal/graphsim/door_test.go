package graphsim_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
)

func TestAuthentication(t *testing.T) {
	picky := newSim(t, graphsim.Config{Tokens: []string{"good", "better"}})
	open := newSim(t, graphsim.Config{})
	for _, test := range []struct {
		sim           http.Handler
		authorization string
		want          int
	}{
		{picky, "Bearer good", 200}, {picky, "Bearer better", 200}, {picky, "bearer good", 200},
		{picky, "Bearer token", 401}, {picky, "Bearer Good", 401}, {picky, "Basic good", 401}, {picky, "good", 401},
		{open, "Bearer anything", 200}, {open, "Bearer", 401}, {open, "Bearer ", 401}, {open, "", 401}, {open, "Basic x", 401},
	} {
		w := ask(test.sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", test.authorization)
		if w.Code != test.want {
			t.Errorf("%q: %d, want %d", test.authorization, w.Code, test.want)
		}
		if w.Code != http.StatusUnauthorized {
			continue
		}
		e := decode[graphError](t, w.Body)
		if e.Error.Code != "InvalidAuthenticationToken" || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%q: %+v %v", test.authorization, e, w.Header())
		}
	}
}

func TestTokensAreNotKept(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	ask(sim, "PATCH", plainRoute+"/s1", documentedBody, "Authorization", "Bearer secret")
	if w := ask(sim, "GET", "/_sim/requests", ""); strings.Contains(w.Body.String(), "secret") {
		t.Error(w.Body)
	}
	if got, want := sim.Requests()[0].TokenID, "2bb80d537b1da3e3"; got != want { // sha256 of "secret"
		t.Errorf("token id %s, want %s", got, want)
	}
}

func TestMedia(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, test := range []struct {
		header, value string
		want          int
	}{
		{"Content-Type", "application/json", 200}, {"Content-Type", "Application/JSON; charset=utf-8", 200},
		{"Content-Type", "application/json;odata.metadata=full", 200},
		{"Content-Type", "", 415}, {"Content-Type", "text/plain", 415}, {"Content-Type", "application/jsonx", 415},
		{"Content-Type", "application/json; ;", 415}, {"Content-Type", "application/x-www-form-urlencoded", 415},
		{"Accept", "application/json", 200}, {"Accept", "*/*", 200}, {"Accept", "application/*", 200}, {"Accept", "text/html, application/json;q=0.9", 200},
		{"Accept", "application/xml", 406}, {"Accept", "text/html", 406},
		{"Content-Encoding", "identity", 200}, {"Content-Encoding", "br", 415}, {"Content-Encoding", "gzip", 400},
	} {
		if w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody, test.header, test.value); w.Code != test.want {
			t.Errorf("%s: %q: %d, want %d: %s", test.header, test.value, w.Code, test.want, w.Body)
		}
	}
	if w := ask(sim, "GET", plainRoute, "", "Accept", "text/csv"); w.Code != http.StatusNotAcceptable {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestBodiesByWire(t *testing.T) {
	large := `{"userDisplayName":"` + strings.Repeat("x", 1<<20) + `"}`
	nearly := `{"userDisplayName":"` + strings.Repeat("x", 1<<20-22) + `"}`
	sim := newSim(t, graphsim.Config{})
	server := httptest.NewServer(sim)
	defer server.Close()
	for _, test := range []struct {
		name     string
		body     io.Reader // a reader of unknown length is sent in chunks
		encoding string
		want     int
		logged   int // bytes
	}{
		{"chunked", io.MultiReader(strings.NewReader(documentedBody)), "", 200, len(documentedBody)},
		{"gzip", bytes.NewReader(zipped(t, documentedBody)), "gzip", 200, len(documentedBody)},
		{"gzip, chunked", io.MultiReader(bytes.NewReader(zipped(t, documentedBody))), "GZIP", 200, len(documentedBody)},
		{"gzip header, plain body", strings.NewReader(documentedBody), "gzip", 400, 0},
		{"gzip cut off", bytes.NewReader(zipped(t, documentedBody)[:60]), "gzip", 400, -1},
		{"as large as allowed", strings.NewReader(nearly), "", 200, 1 << 20},
		{"too large", strings.NewReader(large), "", 413, 1 << 20},
		{"too large, chunked", io.MultiReader(strings.NewReader(large)), "", 413, 1 << 20},
		{"too large when unpacked", bytes.NewReader(zipped(t, large)), "gzip", 413, 1 << 20},
	} {
		r, err := http.NewRequest("PATCH", server.URL+plainRoute+"/s1", test.body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer x"}, "Content-Type": {"application/json"}}
		if test.encoding != "" {
			r.Header.Set("Content-Encoding", test.encoding)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		answer.Body.Close()
		requests := sim.Requests()
		last := requests[len(requests)-1]
		if answer.StatusCode != test.want || (test.logged >= 0 && len(last.Body) != test.logged) || last.ContentEncoding != test.encoding {
			t.Errorf("%s: %d, want %d; logged %d bytes of %q", test.name, answer.StatusCode, test.want, len(last.Body), last.ContentEncoding)
		}
	}
}

// TestAsMicrosoftsSDKSends has its headers, its gzip and its body of unknown
// length, in which only what was set is there.
func TestAsMicrosoftsSDKSends(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	server := httptest.NewServer(sim)
	defer server.Close()
	r, err := http.NewRequest("PATCH", server.URL+plainRoute+"/s1", io.MultiReader(bytes.NewReader(zipped(t, `{"status":"compliant","devicesCount":3}`))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Authorization": {"Bearer x"}, "Accept": {"application/json"}, "Content-Type": {"application/json"}, "Content-Encoding": {"gzip"},
		"Accept-Encoding": {"gzip"}, "Sdkversion": {"graph-go-beta/0.1.0, graph-go-core/1.0.0"}, "Client-Request-Id": {"5b0a4c3e-1a0b-4a57-8f2b-000000000001"},
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if logged := sim.Requests()[0]; answer.StatusCode != http.StatusOK || logged.Body != `{"status":"compliant","devicesCount":3}` || "http://"+logged.Host != server.URL {
		t.Errorf("%d %+v", answer.StatusCode, logged)
	}
}

func zipped(t *testing.T, text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
