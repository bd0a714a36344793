package jobs

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// methods are what Graph was asked so far, in order.
func (k *kit) methods() []string {
	var all []string
	sent := k.sim.Requests() // in the order of their ends
	slices.SortStableFunc(sent, func(a, b graphsim.Request) int { return a.At.Compare(b.At) })
	for _, r := range sent {
		all = append(all, r.Method)
	}
	return all
}

// The first row is sent alone and read back; only then do the others follow.
func TestCanaryGoesFirst(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(1500, userstatus.Compliant)
	if n := k.count(`SELECT count(*) FROM river_job`); n != 1 {
		t.Errorf("%d jobs before the canary, want that of the first slice", n)
	}
	k.start(k.workerFor("w", "token", fast))
	k.await(run, ledger.Finished)
	k.checkBooks(run, 1500)
	methods := k.methods()
	if got := strings.Join(methods[:3], " "); got != "PATCH GET PATCH" || strings.Count(strings.Join(methods, " "), "GET") != 1 {
		t.Errorf("it began with %s, want a row, its read and then the others", got)
	}
	if got := k.outcomes(run, 1); got != "applied! observed" && got != "observed applied!" {
		t.Errorf("the canary: %q", got)
	}
	if r := k.run(run); r.Canary != ledger.CanaryPassed {
		t.Errorf("the canary is %s", r.Canary)
	}
}

func (k *kit) run(id int64) ledger.Run {
	k.t.Helper()
	run, err := k.books.Run(k.t.Context(), id)
	if err != nil {
		k.t.Fatal(err)
	}
	return run
}

// Graph says that it applied the value, and shows another: nothing else is sent, and the row stays open. Who releases the
// run takes it upon himself.
func TestCanaryThatDoesNotStick(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: faults(t, "unstuck:first=1")})
	k.tell("statuses", `[{"configuration":"c","id":"user-0001"}]`)
	run := k.enqueue(30, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Held)
	if p.Settled != 0 || !strings.Contains(p.Reason, "read back") || !strings.Contains(p.Reason, `status is "unknown", not "compliant"`) {
		t.Errorf("got %+v", p)
	}
	if got := strings.Join(k.methods(), " "); got != "PATCH GET GET GET" {
		t.Errorf("got %s", got)
	}
	if r := k.run(run); r.Canary != ledger.CanaryFailed {
		t.Errorf("the canary is %s", r.Canary)
	}
	if err := k.enqueuer.Release(t.Context(), run, "tester", "I know"); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Applied != 30 {
		t.Errorf("got %+v", p)
	}
	k.checkStatuses(30, userstatus.Compliant)
	k.checkBooks(run, 30)
}

// What is written may take a moment to be seen: the canary is read again before it is called a failure.
func TestCanaryIsReadAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: faults(t, "500:method=GET:first=1")})
	run := k.enqueue(1, userstatus.Compliant) // the canary is the last row, too
	k.start(k.workerFor("w", "token", fast))
	if p := k.await(run, ledger.Finished); p.Applied != 1 {
		t.Errorf("got %+v", p)
	}
	if got := strings.Join(k.methods(), " "); got != "PATCH GET GET" {
		t.Errorf("got %s", got)
	}
	k.checkBooks(run, 1)
	k.awaitThat(run, func(ledger.Progress) bool { return k.run(run).Canary == ledger.CanaryPassed })
}

// A file for the wrong tenant: no more than twenty of its rows are spent.
func TestTwentyRejectedAtTheStart(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Strict: true})
	run := k.enqueue(1100, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Held)
	if p.Rejected != 20 || p.Settled != 20 || !strings.Contains(p.Reason, "first 20 rows were all rejected") || !strings.Contains(p.Reason, "ResourceNotFound") {
		t.Errorf("got %+v", p)
	}
	if stats := k.sim.Stats(); stats.Requests != 20 {
		t.Errorf("%d requests", stats.Requests)
	}
	if err := k.enqueuer.Release(t.Context(), run, "tester", "they are gone, I know"); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Rejected != 1100 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 1100)
}

// Rejected rows before the first good one: it is the canary.
func TestCanaryAfterRejectedRows(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: faults(t, "404:first=19")})
	run := k.enqueue(40, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	if p := k.await(run, ledger.Finished); p.Rejected != 19 || p.Applied != 21 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 40)
}

// Answers that no row is to blame for hold the run; the row that met one stays open, and a release goes on with it.
func TestAnswersThatStopTheRun(t *testing.T) {
	t.Parallel()
	for kind, words := range map[string]string{
		"unrouted": "No method match route template", "segment": "Resource not found for the segment",
		"scope": "DeviceManagementConfiguration.ReadWrite.All", "licence": "licence",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, graphsim.Config{Faults: faults(t, kind+":method=PATCH")})
			run := k.enqueue(1100, userstatus.Compliant)
			k.start(k.workerFor("w", "token", fast))
			p := k.await(run, ledger.Held)
			if p.Settled != 0 || p.Refused != 1 || !strings.Contains(p.Reason, words) {
				t.Errorf("got %+v", p)
			}
			k.setFaults()
			if err := k.enqueuer.Release(t.Context(), run, "tester", "mended"); err != nil {
				t.Fatal(err)
			}
			if p := k.await(run, ledger.Finished); p.Applied != 1100 {
				t.Errorf("got %+v", p)
			}
			k.checkBooks(run, 1100)
			if got := k.outcomes(run, 1); !strings.HasPrefix(got, "refused ") {
				t.Errorf("the row that met it: %q", got)
			}
		})
	}
}

// In the middle of a run, too.
func TestRunIsStoppedInTheMiddle(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	run := k.enqueue(500, userstatus.Compliant)
	k.start(k.workerFor("w", "token", slow))
	k.awaitThat(run, func(p ledger.Progress) bool { return p.Settled > 20 })
	k.setFaults("scope:100%")
	p := k.await(run, ledger.Held)
	if p.Settled == 500 || p.Rejected != 0 {
		t.Errorf("got %+v", p)
	}
	k.setFaults()
	if err := k.enqueuer.Release(t.Context(), run, "tester", "granted"); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Applied != 500 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 500)
}

// faults parses them as graphsim's flag does.
func faults(t *testing.T, texts ...string) []graphsim.Fault {
	t.Helper()
	all := make([]graphsim.Fault, len(texts))
	for i, text := range texts {
		fault, err := graphsim.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = fault
	}
	return all
}

// setFaults gives the simulator other faults while it runs: none at all for none.
func (k *kit) setFaults(texts ...string) {
	k.t.Helper()
	body := `{}`
	if len(texts) > 0 {
		body = `{"faults":["` + strings.Join(texts, `","`) + `"]}`
	}
	k.tell("faults", body)
}

// tell posts to the simulator's own side.
func (k *kit) tell(what, body string) {
	k.t.Helper()
	resp, err := http.Post(k.root+"/_sim/"+what, "application/json", strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		k.t.Fatalf("the simulator answers %s to other %s", resp.Status, what)
	}
}
