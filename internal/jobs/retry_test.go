package jobs

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"graphpatch/internal/graph"
	"graphpatch/internal/ledger"
)

func answered(status int, headers ...string) graph.Exchange {
	x := graph.Exchange{Sent: true, SentAt: time.Now(), Status: status, Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		x.Header.Add(headers[i], headers[i+1])
	}
	return x
}

// saying is an answer with an OData error in it.
func saying(status int, code, message string) graph.Exchange {
	x := answered(status)
	x.Body = fmt.Appendf(nil, `{"error":{"code":%q,"message":%q}}`, code, message)
	return x
}

func TestJudge(t *testing.T) {
	broken := graph.Exchange{Sent: true, SentAt: time.Now(), Err: errors.New("connection reset by peer")}
	for _, c := range []struct {
		name             string
		x                graph.Exchange
		charged          int
		contended        int
		outcome, settles string
		atLeast, atMost  time.Duration
		stops            bool
		renews           bool
		confirms         bool
	}{
		{name: "200", x: answered(200), outcome: "applied", settles: "applied"},
		{name: "204 at the last attempt", x: answered(204), charged: 7, outcome: "applied", settles: "applied"},
		{name: "404", x: answered(404), outcome: "rejected", settles: "rejected"},
		{name: "400 after others", x: answered(400), charged: 3, outcome: "rejected", settles: "rejected"},
		{name: "302", x: answered(302), outcome: "rejected", settles: "rejected"},
		{name: "429", x: answered(429, "Retry-After", "7"), outcome: "throttled", atLeast: 7 * time.Second, atMost: 7 * time.Second},
		{name: "429 costs nothing, however often", x: answered(429, "Retry-After", "7"), charged: 7, outcome: "throttled", atLeast: 7 * time.Second, atMost: 7 * time.Second},
		{name: "503 with a time", x: answered(503, "Retry-After", "2.5"), outcome: "throttled", atLeast: 2500 * time.Millisecond, atMost: 2500 * time.Millisecond},
		{name: "503 without one", x: answered(503), outcome: "transient", atLeast: 1600 * time.Millisecond, atMost: 2400 * time.Millisecond},
		{name: "500", x: answered(500), outcome: "transient", atLeast: 1600 * time.Millisecond, atMost: 2400 * time.Millisecond},
		{name: "504 that asks for more", x: answered(504, "Retry-After", "30"), outcome: "transient", atLeast: 30 * time.Second, atMost: 30 * time.Second},
		{name: "502, third", x: answered(502), charged: 2, outcome: "transient", atLeast: 17 * time.Second, atMost: 27 * time.Second},
		{name: "500 at the last attempt", x: answered(500), charged: 7, outcome: "transient", settles: "failed"},
		{name: "connection lost", x: broken, outcome: "transient", atLeast: 1600 * time.Millisecond, atMost: 2400 * time.Millisecond},
		{name: "connection lost at the last attempt", x: broken, charged: 7, outcome: "transient", settles: "failed"},
		{name: "409", x: answered(409), outcome: "transient", atLeast: 1600 * time.Millisecond, atMost: 2400 * time.Millisecond},
		{name: "412, third", x: answered(412), charged: 4, contended: 2, outcome: "transient", settles: "rejected"},
		{name: "409, first, after other faults", x: answered(409), charged: 2, outcome: "transient", atLeast: 17 * time.Second, atMost: 27 * time.Second},
		{name: "202, which Graph does not document", x: answered(202), outcome: "unknown", atLeast: 1600 * time.Millisecond, atMost: 2400 * time.Millisecond},
		{name: "401", x: answered(401), charged: 7, outcome: "unauthorized", renews: true},
		{name: "a route that is not served", x: saying(400, "No method match route template", ""), outcome: "refused", stops: true},
		{name: "a missing permission", x: saying(403, "Forbidden", "Application must have one of the following scopes: X"), outcome: "refused", stops: true},
		{name: "nothing would change", x: saying(400, "BadRequest", "Invalid patch, at least 1 property must be changed."), outcome: "rejected", settles: "rejected", confirms: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(c.x, 202611000001, 17, ledger.Past{Charged: c.charged, Contended: c.contended}, DefaultAttempts)
			if v.outcome != c.outcome || v.settles != c.settles || (v.stop != "") != c.stops || v.renew != c.renews || v.confirm != c.confirms {
				t.Errorf("got %+v", v)
			}
			if v.again < c.atLeast || v.again > c.atMost {
				t.Errorf("comes again after %s, want %s to %s", v.again, c.atLeast, c.atMost)
			}
		})
	}
}

// What is worked out from the events after a restart is what was decided when the answer came.
func TestDueIsDerivedFromTheEvents(t *testing.T) {
	const run, row = 202611000001, 17
	for _, c := range []struct {
		name string
		past ledger.Past
		want time.Duration
	}{
		{"nothing happened", ledger.Past{}, 0},
		{"transient, just now", ledger.Past{Charged: 1, Last: "transient"}, backoff(run, row, 1)},
		{"transient, a second ago", ledger.Past{Charged: 2, Last: "transient", Age: time.Second}, backoff(run, row, 2) - time.Second},
		{"transient, long ago", ledger.Past{Charged: 3, Last: "transient", Age: time.Hour}, 0},
		{"transient, with a time", ledger.Past{Charged: 1, Last: "transient", Headers: []byte("Retry-After: 30\r\n")}, 30 * time.Second},
		{"throttled", ledger.Past{Last: "throttled", Headers: []byte("Retry-After: 9\r\n"), Age: 4 * time.Second}, 5 * time.Second},
		{"throttled without a time: the tenant's pause decides", ledger.Past{Last: "throttled"}, 0},
		{"spared: the tenant's pause decides", ledger.Past{Charged: 2, Last: "transient", Spared: true}, 0},
		{"unknown: the lease has passed", ledger.Past{Charged: 1, Last: "unknown"}, 0},
		{"unknown again", ledger.Past{Charged: 2, Last: "unknown"}, backoff(run, row, 2)},
		{"unauthorized, then released", ledger.Past{Last: "unauthorized"}, 0},
	} {
		if got := due(run, row, c.past); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestBackoffTakesAboutAnHour(t *testing.T) {
	var shortest, longest time.Duration
	for row := int32(1); row <= 1000; row++ {
		var all time.Duration
		for attempt := 1; attempt < DefaultAttempts; attempt++ {
			all += backoff(202611000001, row, attempt)
		}
		if shortest == 0 || all < shortest {
			shortest = all
		}
		longest = max(longest, all)
	}
	if shortest < 45*time.Minute || longest > 75*time.Minute {
		t.Errorf("eight attempts spread over %s to %s", shortest, longest)
	}
	if longest-shortest < 15*time.Minute {
		t.Errorf("rows come again nearly at once: %s to %s", shortest, longest)
	}
}
