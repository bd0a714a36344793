package jobs

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"graphpatch/internal/budget"
	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// seed has Graph show that status for the users from first to last.
func (k *kit) seed(first, last int, status userstatus.ComplianceStatus) {
	k.t.Helper()
	var all []map[string]any
	for n := first; n <= last; n++ {
		all = append(all, map[string]any{"configuration": "c", "id": user(n), "properties": map[string]any{"status": status}})
	}
	body, err := json.Marshal(all)
	if err != nil {
		k.t.Fatal(err)
	}
	resp, err := http.Post(k.root+"/_sim/statuses", "application/json", bytes.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		k.t.Fatal(resp.Status)
	}
}

// readFirst is a run whose statuses are read before anything is sent.
func readFirst(n *ledger.NewRun) { n.Blind = false }

// requests counts what Graph was asked, by method; lists are the GETs of a list's pages.
func (k *kit) requests() (patches, lists, gets, overviews int) {
	for _, r := range k.sim.Requests() {
		switch {
		case r.Method == http.MethodPatch:
			patches++
		case strings.HasSuffix(r.Path, "/userStatuses"):
			lists++
		case strings.HasSuffix(r.Path, "/userStatusOverview"):
			overviews++
		default:
			gets++
		}
	}
	return patches, lists, gets, overviews
}

// A run of which Graph shows most rows as they are wanted sends the others, and nothing else.
func TestPlanSendsOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{PageSize: 100})
	k.seed(1, 900, userstatus.Compliant)
	k.seed(901, 1000, userstatus.Error)
	k.seed(1001, 1200, userstatus.Compliant) // not in the run
	run := k.enqueue(1000, userstatus.Compliant, readFirst)
	w := k.workerFor("w", "token", fast)
	if idle, err := w.Idle(t.Context()); err != nil || idle {
		t.Errorf("idle %v, %v while a run is to be planned", idle, err)
	}
	k.start(w)
	p := k.await(run, ledger.Finished)
	if p.Unchanged != 900 || p.Applied != 100 {
		t.Errorf("got %+v", p)
	}
	patches, lists, gets, overviews := k.requests()
	if patches != 100 || lists != 10 && lists != 12 || gets != 1 || overviews != 1 {
		t.Errorf("%d PATCHes, %d pages, %d reads, %d overviews", patches, lists, gets, overviews)
	}
	k.checkBooks(run, 1000)
	k.checkStatuses(1200, userstatus.Compliant)
	if got := k.outcomes(run, 1) + ", " + k.outcomes(run, 950); got != "unchanged!, observed applied!" {
		t.Errorf("got %s", got)
	}
	// What Graph showed stands with each row, and nothing of the others.
	if n := k.count(`
		SELECT count(*) FROM audit_event e JOIN status_update u USING (run, row)
		WHERE run = $1 AND method = 'GET' AND client_request_id IN (SELECT client_request_id FROM audit_event WHERE run = $1 AND row = 0)
		  AND convert_from(response_body, 'UTF8')::jsonb ->> 'id' = u.user_status_id`, run); n != 1000 {
		t.Errorf("%d rows have what the list showed", n)
	}
	if n := k.count(`SELECT requests FROM run_count WHERE run = $1`, run); n != patches+lists+gets+overviews {
		t.Errorf("%d requests are counted of %d", n, len(k.sim.Requests()))
	}
}

// A worker that stops in the middle of a plan leaves nothing undone, and the next one does nothing twice.
func TestPlanGoesOnWhereItStood(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{PageSize: 5})
	k.seed(1, 500, userstatus.Compliant)
	k.seed(501, 600, userstatus.Error)
	run := k.enqueue(600, userstatus.Compliant, readFirst)
	reads := budget.Limit{Requests: 1600, Window: 20 * time.Second}
	for range 3 {
		stop := k.start(k.workerWith("w", "token", fast, reads))
		pages := func() int { return k.count(`SELECT coalesce(sum(pages), 0) FROM plan WHERE run = $1`, run) }
		before := pages()
		k.awaitThat(run, func(ledger.Progress) bool { return pages() >= before+5 })
		stop()
	}
	k.start(k.workerFor("w2", "token", fast))
	p := k.await(run, ledger.Finished)
	if p.Unchanged != 500 || p.Applied != 100 {
		t.Errorf("got %+v", p)
	}
	if n := k.count(`SELECT count(*) FROM (SELECT FROM audit_event WHERE run = $1 AND row > 0 AND method = 'GET' AND url IS NULL GROUP BY row HAVING count(*) > 1) twice`, run); n != 0 {
		t.Errorf("%d rows were planned twice", n)
	}
	k.checkBooks(run, 600)
}
