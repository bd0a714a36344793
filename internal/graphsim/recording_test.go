package graphsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

// played is an event of an exchange about s1 of c1 on the plain route, sent so many seconds after the hour.
type played struct {
	second   int
	method   string
	status   int // 0: no answer
	outcome  string
	headers  string
	body     string
	cut      bool
	elapsed  float64
	url      string // "": that of s1
	noBodies bool
}

func (p played) String() string {
	if p.method == "" {
		p.method = "PATCH"
	}
	if p.url == "" {
		p.url = "https://graph.microsoft.com" + plainRoute + "/s1"
	}
	e := map[string]any{
		"run": 202611000001, "row": 1, "method": p.method, "url": p.url, "outcome": p.outcome, "elapsedMs": p.elapsed,
		"sentAt": time.Date(2026, 11, 23, 10, 0, p.second, 0, time.UTC), "recordedAt": time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC),
		"status": nil, "requestId": nil, "responseHeaders": p.headers, "responseBody": p.body, "responseBodyCut": p.cut,
	}
	if p.status != 0 {
		e["status"] = p.status
	}
	if p.noBodies {
		delete(e, "responseHeaders")
		delete(e, "responseBody")
		delete(e, "responseBodyCut")
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func recordingOf(t *testing.T, text string) *graphsim.Recording {
	t.Helper()
	r, err := graphsim.ReadRecording(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines are events one after the other, as jsonl is.
func lines(events ...played) string {
	var text strings.Builder
	for _, e := range events {
		fmt.Fprintln(&text, e)
	}
	return text.String()
}

// Answers come in the order in which the requests had left, however the events are written; the last one stays; GET and PATCH
// have their own; a reset begins anew.
func TestRecordingIsPlayedInOrder(t *testing.T) {
	events := []played{
		{second: 3, status: 200, outcome: "applied", body: `{"id":"s1","status":"compliant"}`},
		{second: 4, method: "GET", status: 200, outcome: "observed", body: `{"id":"s1","status":"error"}`},
		{second: 2, status: 503, outcome: "transient"},
		{second: 1, status: 429, outcome: "throttled", headers: "Retry-After: 7\r\nRequest-Id: r-1\r\n", body: `{"error":{}}`},
		{second: 1, status: 404, outcome: "rejected", url: "http://127.0.0.1:8080/beta/deviceManagement/deviceConfigurations/c%2F1/userStatuses/s%201"},
	}
	array := "[\n" + strings.ReplaceAll(strings.TrimSpace(lines(events...)), "\n", ",\n") + "\n]\n"
	ofTheRun := `{"run":202611000001,"row":0,"outcome":"enqueued","method":null,"url":null,"status":null}` + "\n"
	for name, text := range map[string]string{"array": array, "lines": ofTheRun + lines(events...)} {
		r := recordingOf(t, text)
		if name == "lines" && (r.Answers() != 5 || r.Ignored() != 1) {
			t.Errorf("%d answers and %d others", r.Answers(), r.Ignored())
		}
		sim := newSim(t, graphsim.Config{Recording: r})
		for range 2 {
			var got []string
			for range 4 {
				w := ask(sim, "PATCH", plainRoute+"/s1", `{"status":"compliant"}`)
				got = append(got, fmt.Sprint(w.Code, w.Header().Get("Retry-After"), " ", w.Body))
			}
			w := ask(sim, "GET", plainRoute+"/s1", "")
			got = append(got, fmt.Sprint(w.Code, " ", w.Body))
			w = ask(sim, "PATCH", "/v1.0/deviceManagement/deviceConfigurations/c%2f1/userStatuses/s%201", `{"status":"compliant"}`)
			got = append(got, fmt.Sprint(w.Code))
			const done = `200 {"id":"s1","status":"compliant"}`
			if diff := cmp.Diff([]string{`4297 {"error":{}}`, "503 ", done, done, `200 {"id":"s1","status":"error"}`, "404"}, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", name, diff)
			}
			sim.Reset()
		}
	}
}

// What nothing is recorded of is answered as always, and what was played as done is there to be read.
func TestBesideTheRecording(t *testing.T) {
	sim := newSim(t, graphsim.Config{Recording: recordingOf(t, lines(played{status: 200, outcome: "applied", body: `{"id":"s1"}`}))})
	if w := ask(sim, "GET", plainRoute+"/s1", ""); w.Code != http.StatusNotFound {
		t.Errorf("before the PATCH: %d", w.Code)
	}
	if w := ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":7}`); w.Body.String() != `{"id":"s1"}` {
		t.Errorf("the recorded answer is %s", w.Body)
	}
	if w := ask(sim, "GET", plainRoute+"/s1", ""); !strings.Contains(w.Body.String(), `"devicesCount":7`) {
		t.Errorf("after it: %s", w.Body)
	}
	if w := ask(sim, "PATCH", plainRoute+"/s2", `{"devicesCount":8}`); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"devicesCount":8`) {
		t.Errorf("a status that is not recorded: %d %s", w.Code, w.Body)
	}
	var faults []string
	for _, r := range sim.Requests() {
		faults = append(faults, r.Fault)
	}
	if diff := cmp.Diff([]string{"", "recorded", "", ""}, faults); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := sim.Stats().Applied; got != 2 {
		t.Errorf("%d are counted as applied", got)
	}
}

// Every way in which an answer can have come, as a client sees it on a wire.
func TestRecordedDeliveries(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		name  string
		event played
		want  string // status, body as far as it came, and whether it broke
	}{
		{"whole", played{status: 200, body: `{"id":"s1"}`, headers: "Content-Length: 11\r\n"}, `200 {"id":"s1"} <nil>`},
		{"no content", played{status: 204}, "204  <nil>"},
		{"not UTF-8", played{status: 500, body: "base64:/wD/"}, "500 \xff\x00\xff <nil>"},
		{"text that looks like it", played{status: 500, body: "base64:aGFsbG8="}, "500 base64:aGFsbG8= <nil>"},
		{"longer than was kept", played{status: 500, body: long, cut: true}, "500 " + long + strings.Repeat(" ", 1024) + " <nil>"},
		{"less than announced", played{status: 200, outcome: "transient", body: `{"id":`, headers: "Content-Length: 90\r\n"}, `200 {"id": unexpected EOF`},
		{"broken off, of unknown length", played{status: 200, outcome: "transient", body: `{"id":`}, `200 {"id": unexpected EOF`},
		{"a page of somebody else's", played{status: 200, outcome: "unknown", body: "<html>", headers: "Content-Type: text/html\r\n"}, "200 <html> <nil>"},
	} {
		sim := newSim(t, graphsim.Config{Recording: recordingOf(t, lines(c.event))})
		if got := overTheWire(t, sim); got != c.want {
			t.Errorf("%s: got %.200q, want %.200q", c.name, got, c.want)
		}
	}
	sim := newSim(t, graphsim.Config{Recording: recordingOf(t, lines(played{outcome: "transient"}))})
	if got := overTheWire(t, sim); !strings.HasPrefix(got, "no answer") {
		t.Errorf("without an answer: got %q", got)
	}
}

func overTheWire(t *testing.T, sim http.Handler) string {
	t.Helper()
	server := httptest.NewServer(sim)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL+plainRoute+"/s1", strings.NewReader(`{"devicesCount":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", "application/json")
	resp, err := server.Client().Do(r)
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %s %v", resp.StatusCode, body, err)
}

// The headers that say something are those of the recording; the ids of this exchange are its own.
func TestRecordedHeaders(t *testing.T) {
	headers := "Client-Request-Id: then\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nRequest-Id: r-1\r\n" +
		"Retry-After: Mon, 23 Nov 2026 10:00:30 GMT\r\nWww-Authenticate: PoP a\r\nWww-Authenticate: Bearer b\r\nSet-Cookie: no\r\n"
	sim := newSim(t, graphsim.Config{Recording: recordingOf(t, lines(played{status: 429, headers: headers, body: "no"}))})
	got := ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`, "client-request-id", "now").Result().Header
	want := http.Header{
		"Client-Request-Id": {"now"}, "Content-Length": {"2"}, "Content-Type": {"text/plain"}, "Date": {"Mon, 23 Nov 2026 10:00:00 GMT"}, "Request-Id": {"r-1"},
		"Retry-After": {"Mon, 23 Nov 2026 10:00:30 GMT"}, "Www-Authenticate": {"PoP a", "Bearer b"}, "X-Ms-Ags-Diagnostic": got["X-Ms-Ags-Diagnostic"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// With recorded latency an answer takes as long as it did; what is not recorded takes no time.
func TestRecordedLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := lines(played{status: 200, elapsed: 1234.5, body: `{"id":"s1"}`}, played{second: 1, status: 200, elapsed: 20, body: `{"id":"s1"}`})
		for recorded, want := range map[bool][]time.Duration{true: {1234500 * time.Microsecond, 20 * time.Millisecond, 0}, false: {0, 0, 0}} {
			sim := newSim(t, graphsim.Config{Recording: recordingOf(t, text), RecordedLatency: recorded})
			var got []time.Duration
			for _, id := range []string{"s1", "s1", "s2"} {
				start := time.Now()
				ask(sim, "PATCH", plainRoute+"/"+id, `{"devicesCount":1}`)
				got = append(got, time.Since(start))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("recorded %t: -want +got\n%s", recorded, diff)
			}
		}
	})
}

// Faults on purpose come before what is recorded, which then waits for its turn.
func TestFaultsComeBeforeTheRecording(t *testing.T) {
	sim := newSim(t, graphsim.Config{
		Recording: recordingOf(t, lines(played{status: 404}, played{second: 1, status: 403})), Script: parseScript(t, `[{answers: [503]}]`),
	})
	var got []int
	for range 3 {
		got = append(got, ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`).Code)
	}
	if diff := cmp.Diff([]int{503, 404, 403}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestFaultyRecordings(t *testing.T) {
	for text, want := range map[string]string{
		"":     "there is no answer in it that could be played back",
		"[]":   "there is no answer in it that could be played back",
		"nope": "event 1: invalid character",
		lines(played{status: 200}, played{noBodies: true, status: 200}):   "event 2: it is without bodies and headers: write the events with --bodies",
		lines(played{status: 200, url: "https://graph.microsoft.com/me"}): "event 1: PATCH https://graph.microsoft.com/me is no request for a status",
		lines(played{status: 7}):         "event 1: status 7 is no answer",
		"[" + lines(played{status: 200}): "the list of events breaks off",
		`{"method":1}`:                   "event 1: json: cannot unmarshal",
		`{"method":"PATCH","url":`:       "event 1: unexpected EOF",
	} {
		_, err := graphsim.ReadRecording(strings.NewReader(text), int64(len(text)))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: got error %v, want %s", text, err, want)
		}
	}
	if _, err := graphsim.New(graphsim.Config{RecordedLatency: true}); err == nil {
		t.Error("the latency of no recording is accepted")
	}
}

// Whatever is in the file, it is read or refused, and what is read can be played.
func FuzzReadRecording(f *testing.F) {
	f.Add([]byte(lines(played{status: 200, body: "{}"})))
	f.Add([]byte("[" + played{status: 429, headers: "Retry-After: 1\r\n"}.String() + "]"))
	f.Add([]byte(lines(played{outcome: "transient"}, played{method: "GET", status: 404, cut: true, body: "base64:/w=="})))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := graphsim.ReadRecording(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		sim := newSim(t, graphsim.Config{Recording: r})
		for range 2 {
			askOrBeCut(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`)
			askOrBeCut(sim, "GET", plainRoute+"/s1", "")
		}
	})
}
