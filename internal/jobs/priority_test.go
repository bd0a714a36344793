package jobs

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"graphpatch/internal/budget"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// A run of a higher priority has the slots to itself, although there are places free for others, in any process.
func TestPriorityHasTheSlots(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	limit := budget.Limit{Requests: 1000, Window: 20 * time.Second}
	first := k.enqueue(200, userstatus.Compliant, func(n *ledger.NewRun) { n.Priority = 1 })
	k.route = "identity"
	last := k.enqueue(60, userstatus.Compliant, func(n *ledger.NewRun) { n.Priority = 4 })
	k.start(k.workerFor("one", "token", limit))
	k.start(k.workerFor("two", "token", limit))
	k.await(first, ledger.Finished)
	k.await(last, ledger.Finished)
	sent, before := 0, 0
	for _, r := range k.sim.Requests() {
		switch {
		case r.Method != http.MethodPatch:
		case strings.Contains(r.Path, "/identityCertificate/"):
			before++
		default:
			if sent++; sent == 200 && before > 20 { // until the first run was seen at work
				t.Errorf("%d rows of the last run were sent before the first one's last", before)
			}
		}
	}
}

// Rows that wait to come again keep no other run from sending.
func TestWaitingKeepsNobodyBack(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: []graphsim.Fault{{Kind: "500", Method: "PATCH", Route: "plain", StatusID: user(2)}}})
	first := k.enqueue(2, userstatus.Compliant, func(n *ledger.NewRun) { n.Priority = 1 })
	k.route = "identity"
	last := k.enqueue(5, userstatus.Compliant, func(n *ledger.NewRun) { n.Priority = 4 })
	k.start(k.workerFor("one", "token", fast))
	k.await(last, ledger.Finished)
	if p := k.awaitThat(first, func(p ledger.Progress) bool { return p.Transient > 0 }); p.State != ledger.Running {
		t.Errorf("got %+v", p)
	}
}
