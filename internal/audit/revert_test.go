package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/userstatus"
)

// compact is what a JSON object says, without its type.
func compact(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	delete(values, "@odata.type")
	out, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// reverted is what a revert would take back, a line for each row: 1 applied: {wanted} expects {written}, or why not.
func (w *world) reverted(f EventFilter) (all []string) {
	w.t.Helper()
	r, err := w.audit.OpenRevert(w.t.Context(), f)
	w.must(err)
	defer r.Close(w.t.Context())
	var sent int32
	w.must(r.Each(w.t.Context(), func(row *Reverted) error {
		text := fmt.Sprintf("%d %s: ", row.Origin, row.Last)
		if row.LeftOut() {
			if row.Number != 0 || row.Expects != "" || row.Update.Wanted.Asks() != 0 {
				w.t.Errorf("row %d is left out, and asks for something", row.Origin)
			}
			text += row.WhyNot
		} else {
			if sent++; row.Number != sent || row.Line != int64(row.Origin+1) {
				w.t.Errorf("row %d is number %d of line %d", row.Origin, row.Number, row.Line)
			}
			text += compact(w.t, string(row.Update.Wanted.Body())) + " expects " + compact(w.t, row.Expects)
		}
		all = append(all, text)
		return nil
	}))
	return all
}

// patched is an event of a PATCH, so many seconds after the hour.
func (w *world) patched(run int64, row, second int, outcome string, final bool, body string) {
	w.t.Helper()
	w.exec(`INSERT INTO audit_event (run, row, outcome, final, method, request_body, sent_at, client_request_id)
		VALUES ($1, $2, $3, $4, 'PATCH', convert_to($5, 'UTF8'), '2026-11-23T10:00:00Z'::timestamptz + make_interval(secs => $6), gen_random_uuid())`,
		run, row, outcome, final, body, second)
}

// Wanted is what was seen last before the first request that may have changed it; expected is what was sent.
func TestRevertChoosesWhatItCanTakeBack(t *testing.T) {
	w := newWorld(t)
	var updates []update
	for i := range 16 {
		updates = append(updates, update{configuration, fmt.Sprintf("s%d", i+1), ""})
	}
	updates[14].upn = "ada@contoso.com"
	run := w.enqueue(contoso, "users.csv", updates...)
	const wrote = `{"devicesCount":1,"status":"compliant"}`
	look := func(row, second int, body string) { w.event(run, row, second, "observed", "GET", 200, body) }
	var want []string
	says := func(row int, text string) { want = append(want, fmt.Sprintf("%d %s", row, text)) }

	look(1, 1, `{"devicesCount":7,"status":"error"}`)
	look(1, 2, `{"devicesCount":8,"status":"conflict","userDisplayName":"Ada"}`)
	w.patched(run, 1, 3, "applied", true, wrote)
	look(1, 4, `{"devicesCount":1,"status":"compliant"}`)
	says(1, `applied: {"devicesCount":8,"status":"conflict"} expects {"devicesCount":1,"status":"compliant"}`)

	w.patched(run, 2, 3, "applied", true, wrote)
	look(2, 4, `{"devicesCount":1,"status":"compliant"}`)
	says(2, "applied: nobody looked at its values before")

	look(3, 1, `{"devicesCount":8,"status":"compliant"}`) // only one of them was changed
	w.patched(run, 3, 3, "transient", false, wrote)
	w.patched(run, 3, 9, "failed", true, wrote)
	says(3, `failed: {"devicesCount":8} expects {"devicesCount":1}`)

	look(4, 1, `{"devicesCount":1,"status":"compliant"}`)
	w.patched(run, 4, 3, "applied", true, wrote)
	says(4, "applied: it was before as the run left it")

	look(5, 1, `{"devicesCount":8,"status":"brandNew"}`)
	w.patched(run, 5, 3, "applied", true, wrote)
	says(5, `applied: a value from before cannot be sent: "brandNew" is no complianceStatus: use one of `+strings.Join(words(), ", "))

	look(6, 1, `{"devicesCount":8}`)
	w.patched(run, 6, 3, "applied", true, wrote)
	says(6, `applied: a value from before cannot be sent: "status" is not shown`)

	look(7, 1, `{"devicesCount":8,"userDisplayName":null,"lastReportedDateTime":"2017-01-01T00:00:17.7709231Z"}`)
	w.patched(run, 7, 3, "applied", true, `{"devicesCount":1,"userDisplayName":"Ada","lastReportedDateTime":"2016-12-31T16:00:17.7709231-08:00"}`)
	says(7, `applied: {"devicesCount":8,"userDisplayName":null} expects {"devicesCount":1,"userDisplayName":"Ada"}`)

	look(8, 1, `{"devicesCount":8}`) // the answer is not known, and neither what was sent: it was what the row asks for
	w.event(run, 8, 3, "unknown", "", 0, "")
	says(8, `unknown: {"devicesCount":8} expects {"devicesCount":1}`)

	look(9, 1, `{"devicesCount":8}`)
	w.patched(run, 9, 3, "rejected", true, wrote) // Graph has said that it did nothing

	look(10, 1, `{"devicesCount":1}`)
	w.event(run, 10, 2, "transient", "GET", 500, "")
	w.event(run, 10, 3, "unchanged", "GET", 200, "")

	look(11, 1, `{"devicesCount":8}`)
	w.patched(run, 11, 3, "applied", true, `{"devicesCount":1}`)
	look(12, 1, `{"devicesCount":8}`)
	w.patched(run, 12, 3, "applied", true, `{"devicesCount":1}`)
	w.event(run, 13, 1, "observed", "GET", 404, "")
	w.patched(run, 13, 3, "applied", true, wrote)
	look(14, 1, `{"devicesCount":`)
	w.patched(run, 14, 3, "applied", true, wrote)
	look(15, 1, `{"devicesCount":8,"userPrincipalName":"hmac:b"}`)
	w.patched(run, 15, 3, "applied", true, `{"devicesCount":1,"userPrincipalName":"hmac:a"}`)
	look(16, 1, `{"devicesCount":8}`)
	w.patched(run, 16, 3, "applied", true, wrote)
	w.rewrite(`UPDATE status_update SET devices_count = NULL, user_principal_name = NULL, erased = sha256('') WHERE run = $1 AND row = 16`, run)
	later := w.enqueue(contoso, "later.csv", update{configuration, "s11", ""}, update{configuration, "s12", ""})
	w.send(later, 1, "applied", "applied", 204, "")
	w.send(later, 2, "rejected", "rejected", 404, "")
	says(11, fmt.Sprintf("applied: a later update asks for its devicesCount: row 1 of run %d", later))
	says(12, `applied: {"devicesCount":8} expects {"devicesCount":1}`)
	says(13, "applied: nobody looked at its values before")
	says(14, "applied: what was seen of it before cannot be read: unexpected end of JSON input")

	says(15, "applied: its userPrincipalName was not kept as it was sent")
	says(16, "applied: a person's values were erased from it")

	if _, err := w.audit.OpenRevert(t.Context(), EventFilter{Run: run}); !errors.As(err, new(*StillOpenError)) {
		t.Errorf("a running run: got error %v", err)
	}
	w.must(w.ledger.Hold(t.Context(), run, "bob", ""))
	if diff := cmp.Diff(want, w.reverted(EventFilter{Run: run})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	row := int32(3)
	if diff := cmp.Diff(want[2:3], w.reverted(EventFilter{Run: run, Row: &row})); diff != "" {
		t.Errorf("of one row: -want +got\n%s", diff)
	}
	if _, err := w.audit.OpenRevert(t.Context(), EventFilter{Run: run + 9}); !errors.Is(err, ErrNoRun) {
		t.Errorf("of a run that does not exist: got error %v", err)
	}
}

func words() (words []string) {
	for _, s := range userstatus.ComplianceStatuses() {
		words = append(words, string(s))
	}
	return words
}
