package jobs

import (
	"bytes"
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

// TestHostileAnswersAreRecorded holds what the audit keeps of answers that a database would not take as they are, or not in
// that length: the row comes again, and its first event tells what came.
func TestHostileAnswersAreRecorded(t *testing.T) {
	t.Parallel()
	met := []struct {
		kind, outcomes, problem string
		begins                  string // the body that is kept
		cut                     bool
	}{
		{"nul", "transient applied!", "InternalServerError: a\uFFFDb\uFFFDc", "{\"error\":{\"code\":\"InternalServerError\",\"message\":\"a\\u0000b\xffc", false},
		{"flood", "transient applied!", "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 65536 bytes; aborted", "", false},
		{"endless", "transient applied!", "InternalServerError", `{"error":{"code":"InternalServerError","message":"  `, true},
		{"bomb", "transient applied!", "Internal Server Error", "\x1f\x8b", true},
		{"login-page", "unknown applied!", "the answer is not Graph's, although it says 200; is there a proxy in between? It says: Sign in to the network", "<!DOCTYPE html>", false},
		{"truncated", "transient applied!", "unexpected EOF", `{"@odata.context":`, false},
	}
	var faults []graphsim.Fault
	for i, m := range met {
		faults = append(faults, graphsim.Fault{Kind: m.kind, StatusID: user(i + 2), First: 1})
	}
	k := newKit(t, graphsim.Config{Faults: faults})
	run := k.enqueue(len(met)+1, userstatus.Compliant)
	k.start(k.workerFor("w", "token", fast))
	k.await(run, ledger.Finished)
	for i, m := range met {
		row := i + 2
		// Where several in a row fail, a read finds out whether anything gets through.
		if got := strings.ReplaceAll(k.outcomes(run, row), "observed ", ""); got != m.outcomes {
			t.Errorf("%s: got %q, want %q", m.kind, got, m.outcomes)
		}
		var problem string
		var body []byte
		var cut bool
		err := k.pool.QueryRow(t.Context(), `
			SELECT error, coalesce(response_body, ''), body_cut FROM audit_event WHERE run = $1 AND row = $2 AND NOT final AND method = 'PATCH'`, run, row).Scan(&problem, &body, &cut)
		if err != nil {
			t.Fatal(m.kind, err)
		}
		if len(problem) > 2100 || !bytes.HasPrefix([]byte(problem), []byte(m.problem)) {
			t.Errorf("%s: the event says %.300q (%d bytes)", m.kind, problem, len(problem))
		}
		if !bytes.HasPrefix(body, []byte(m.begins)) || len(body) > 64<<10 || cut != m.cut {
			t.Errorf("%s: kept %d bytes, cut %v: %.100q", m.kind, len(body), cut, body)
		}
	}
	k.checkBooks(run, len(met)+1)
	k.checkStatuses(len(met)+1, userstatus.Compliant)
}
