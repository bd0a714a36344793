package graphsim

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// playback is how far a recording has been played.
type playback struct {
	recording *Recording // nil: there is none

	mu   sync.Mutex
	next map[recordedKey]int
}

func newPlayback(r *Recording) *playback {
	return &playback{recording: r, next: map[recordedKey]int{}}
}

// take returns the place of the next answer for a status; the last one comes again and again.
func (p *playback) take(key recordedKey) (place, bool) {
	if p.recording == nil {
		return place{}, false
	}
	places := p.recording.answers[key]
	if len(places) == 0 {
		return place{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.next[key]
	p.next[key] = min(n+1, len(places)-1)
	return places[n], true
}

// recordedName is what the log calls an answer that was played back.
const recordedName = "recorded"

// play answers a request about one status with what was answered before; played is false when nothing was.
func (x *exchange) play(target route) (out answer, played bool, err error) {
	if target.resource != oneStatus {
		return answer{}, false, nil
	}
	p, found := x.world.playback.take(keyOf(x.request.Method, target))
	if !found {
		return answer{}, false, nil
	}
	e, err := x.world.playback.recording.load(p)
	if err != nil {
		return answer{}, true, problem{status: http.StatusInternalServerError, code: "RecordingUnreadable", message: "the recording cannot be read any more: " + err.Error()}
	}
	x.logged.Fault = recordedName
	if x.config.RecordedLatency {
		if err := x.delay(e.elapsed()); err != nil {
			return answer{}, true, err
		}
	}
	if x.request.Method == http.MethodPatch && e.Status/100 == 2 {
		x.remember(target)
	}
	return e.answer(), true, nil
}

// delay is the time that the answer took when it was recorded.
func (x *exchange) delay(d time.Duration) error {
	x.waited += d
	x.logged.WaitedMs = x.waited.Seconds() * 1000
	return sleep(x.request.Context(), d)
}

// remember keeps what was answered as done, for reads of which nothing is recorded.
func (x *exchange) remember(target route) {
	p, err := parsePatch(x.body, target.statusID)
	if err != nil {
		return
	}
	_, err = x.world.store.update(target.key, target.statusID, p, updateRules{create: true}, x.at)
	x.logged.Applied = err == nil
}

func (e *recorded) elapsed() time.Duration {
	return time.Duration(e.ElapsedMs * float64(time.Millisecond))
}

// answer is what went over the wire then, as far as that was kept.
func (e *recorded) answer() answer {
	if e.Status == 0 {
		return answer{delivery: cutOff}
	}
	body := e.body()
	out := answer{status: e.Status, headers: e.headers(), body: body}
	switch {
	case *e.BodyCut:
		// Whoever keeps so much of it finds again that there is more.
		out.body = append(body, bytes.Repeat([]byte(" "), 1024)...)
	case e.brokeOff(body):
		// Half of it is what came before the connection broke; nothing cannot be halved.
		out.body, out.delivery = []byte(strings.Repeat(cmp.Or(string(body), " "), 2)), half
	}
	return out
}

// body undoes how the audit writes what no text can hold.
func (e *recorded) body() []byte {
	if code, ok := strings.CutPrefix(e.Body, "base64:"); ok {
		if raw, err := base64.StdEncoding.DecodeString(code); err == nil && !utf8.Valid(raw) {
			return raw
		}
	}
	return []byte(e.Body)
}

// brokeOff reports whether less of the body came than was sent: less than was announced, or a success that counted as passing.
func (e *recorded) brokeOff(body []byte) bool {
	if announced, err := strconv.Atoi(e.header().Get("Content-Length")); err == nil && announced > len(body) {
		return true
	}
	return e.Status/100 == 2 && e.Outcome == "transient" && (len(body) == 0 || !json.Valid(body))
}

// playedHeaders are those that say something about the answer. The others are of its way here, or the simulator's own.
var playedHeaders = []string{
	"Content-Type", "Location", "RateLimit", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Request-Id", "Retry-After",
	"WWW-Authenticate", "X-Ms-Ags-Diagnostic", "X-Ms-Resource-Unit", "X-Ms-Throttle-Information", "X-Ms-Throttle-Limit-Percentage", "X-Ms-Throttle-Scope",
}

// headers are those to play. A time in Retry-After is told with the date it was counted from.
func (e *recorded) headers() http.Header {
	kept, played := e.header(), http.Header{"Content-Type": nil}
	for _, name := range playedHeaders {
		if values := kept.Values(name); len(values) > 0 {
			played[http.CanonicalHeaderKey(name)] = values
		}
	}
	if _, err := http.ParseTime(kept.Get("Retry-After")); err == nil {
		played["Date"] = kept.Values("Date")
	}
	return played
}

// header reads the lines that were kept.
func (e *recorded) header() http.Header {
	header := http.Header{}
	for line := range strings.SplitSeq(e.Headers, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header.Add(textproto.TrimString(name), textproto.TrimString(value))
		}
	}
	return header
}
