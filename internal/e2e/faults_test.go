package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// event is one event as `audit events --output json` shows it.
type event struct {
	Row             int       `json:"row"`
	Outcome         string    `json:"outcome"`
	Final           bool      `json:"final"`
	Status          int       `json:"status"`
	Method          string    `json:"method"`
	SentAt          time.Time `json:"sentAt"`
	ElapsedMs       float64   `json:"elapsedMs"`
	ClientRequestID string    `json:"clientRequestId"`
	Configuration   string    `json:"deviceConfigurationId"`
	Error           string    `json:"error"`
}

func (e event) answeredAt() time.Time {
	return e.SentAt.Add(time.Duration(e.ElapsedMs * float64(time.Millisecond)))
}

// events are all of a run, oldest first.
func events(k *kit, run string) []event {
	k.tb.Helper()
	var newestFirst []event
	if err := json.Unmarshal([]byte(k.ok("audit", "events", "--run="+run, "--limit=0", "--output=json").stdout), &newestFirst); err != nil {
		k.tb.Fatal(err)
	}
	oldestFirst := make([]event, len(newestFirst))
	for i, e := range newestFirst {
		oldestFirst[len(newestFirst)-1-i] = e
	}
	return oldestFirst
}

// fault is what a kind of fault does to the row that meets it.
type fault struct {
	kind    string
	times   int // how many requests meet it
	story   string
	atLeast time.Duration // between the answer and the row's next attempt
}

// soonest is the least that the first backoff of a row may take: 2 s, less a fifth.
const soonest = 1600 * time.Millisecond

// faultsOfGraph are the faults that pass or concern one row, as docs/architecture.md has them.
func faultsOfGraph() []fault {
	var all []fault
	add := func(times int, story string, atLeast time.Duration, kinds ...string) {
		for _, kind := range kinds {
			all = append(all, fault{kind, times, story, atLeast})
		}
	}
	add(20, "transient applied!", soonest, "408", "500", "502", "504", "509", "503-bare", "500-applied", "504-applied", "reset", "reset-applied",
		"html", "empty", "huge", "nested", "truncated-error", "409", "412", "423", "hang",
		"truncated", "drip", "endless", "deep", "bomb", "flood", "hints", "nul")
	add(20, "unknown applied!", soonest, "login-page")
	add(20, "rejected!", 0, "403", "404", "301", "307", "308")
	add(20, "applied!", 0, "204", "slow-body")
	add(1, "throttled applied!", time.Second, "429", "429-bare", "429-past", "429-garbage", "429-odd", "503")
	add(1, "throttled applied!", 249*time.Millisecond, "429-decimal")
	add(1, "throttled applied!", 2*time.Second, "429-date", "429-two")
	return all
}

// Each fault for some of two hundred rows: every row ends as the table says, none is sent again early, and the events tell
// all that was on the wire.
func TestEveryFaultOfGraph(t *testing.T) {
	t.Parallel()
	const rows = 200
	k, _ := newTestKit(t)
	var csv, script strings.Builder
	csv.WriteString("deviceConfigurationId,id,status\ncanary,u,compliant\n")
	all := map[string]fault{}
	for _, f := range faultsOfGraph() {
		all[f.kind] = f
		fmt.Fprintf(&script, "- match: {method: PATCH, configuration: '%s'}\n  answers: ['%s']\n  times: %d\n", f.kind, f.kind, f.times)
		for n := range rows {
			fmt.Fprintf(&csv, "%s,u%d,compliant\n", f.kind, n)
		}
	}
	k.env["GRAPH_TIMEOUT"] = "5s"
	root := k.simulator("--script="+k.write("script.yaml", script.String()), "--slow-body-time=1s")
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.write("rows.csv", csv.String())))
	if r := k.run("worker", "--drain"); r.code != 3 {
		t.Fatalf("the drain: %s", r)
	}
	told := map[string]bool{}
	stories := map[int][]event{}
	for _, e := range events(k, run) {
		told[e.ClientRequestID] = true
		if e.Row > 1 && e.Method == "PATCH" {
			stories[e.Row] = append(stories[e.Row], e)
		}
	}
	faulted := map[string]string{}
	for _, r := range get[request](k, root+"/_sim/requests") {
		faulted[r.ClientRequestID] = r.Fault
		if !told[r.ClientRequestID] {
			t.Errorf("%s, answered %d, has no event", r.Path, r.Status)
		}
	}
	met := map[string]int{}
	for row, story := range stories {
		f := all[story[0].Configuration]
		// Event by event, because a row at a slice's edge is sent early and may meet the same fault twice.
		means, _, _ := strings.Cut(f.story, " ")
		for i, e := range story {
			want := "applied!"
			switch {
			case faulted[e.ClientRequestID] != "":
				met[f.kind]++
				want = means
			case e.Status == 0 && strings.HasPrefix(e.Error, "no complete answer within"):
				want = "transient" // the machine was too busy
			}
			if got := tell(story[i : i+1]); got != want {
				t.Errorf("row %d of %s, event %d: got %s, want %s", row, f.kind, i+1, got, want)
			}
		}
		if last := story[len(story)-1]; !last.Final {
			t.Errorf("row %d of %s does not end: %q", row, f.kind, tell(story))
		}
		if faulted[story[0].ClientRequestID] != "" {
			checkWait(t, row, f, story)
		}
	}
	for kind, f := range all {
		if met[kind] != f.times {
			t.Errorf("%d requests met %s, want %d", met[kind], kind, f.times)
		}
	}
	if len(stories) != rows*len(all) {
		t.Errorf("%d rows have events, want %d", len(stories), rows*len(all))
	}
	k.ok("audit", "verify")
}

// tell is a row's story in one word for each event; final ones with a mark.
func tell(story []event) string {
	words := make([]string, len(story))
	for i, e := range story {
		words[i] = e.Outcome
		if e.Final {
			words[i] += "!"
		}
	}
	return strings.Join(words, " ")
}

func checkWait(t *testing.T, row int, f fault, story []event) {
	t.Helper()
	if len(story) < 2 {
		return
	}
	if waited := story[1].SentAt.Sub(story[0].answeredAt()); waited < f.atLeast-time.Millisecond {
		t.Errorf("%s, row %d: sent again after %s, want %s", f.kind, row, waited, f.atLeast)
	}
}

// A wait of minutes: nothing is sent after it is known, and it is there to be read.
func TestALongWaitIsKept(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"429-comma", "429-long"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k, _ := newTestKit(t)
			k.simulator("--fault=" + kind + ":method=PATCH:after=1:first=1")
			k.env["GRAPH_WRITE_LIMIT"] = "2000/20s"
			run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.sample(300)))
			k.start(nil, "worker")
			k.until("the run says what it waits for", func() bool {
				return strings.Contains(k.ok("audit", "show", run).stdout, "paused by Graph until")
			})
			var throttled event
			for _, e := range events(k, run) {
				if e.Outcome == "throttled" {
					throttled = e
				}
			}
			for _, e := range events(k, run) {
				if since := e.SentAt.Sub(throttled.answeredAt()); since > 250*time.Millisecond {
					t.Errorf("row %d was sent %s after Graph had asked to wait", e.Row, since)
				}
			}
		})
	}
}
