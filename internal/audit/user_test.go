package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A person's history is that of their statuses: also where a row does not say whose it is, and whatever became of it.
func TestUser(t *testing.T) {
	w, first, second, third := story(t)
	// anna.a has s1 of the tenant's first run; fabrikam's s1 is another one.
	again := w.enqueue(contoso, "again.csv", update{configuration, "s1", ""}, update{otherConfig, "s1", "somebody@contoso.com"})
	later := w.enqueue(contoso, "later.csv", update{strings.ToLower(configuration), "s1", "ANNA.A@contoso.com"})
	w.must(w.ledger.Cancel(t.Context(), later, "bob@desk", ""))
	history := func(user string, most int) (all []string) {
		rows, err := w.audit.User(t.Context(), user, most)
		w.must(err)
		for _, r := range rows {
			all = append(all, fmt.Sprintf("%d/%d %s %s %s", r.Run, r.Row, r.Outcome, r.UserStatusID, r.Wanted))
		}
		return all
	}
	want := []string{
		fmt.Sprintf(`%d/1 cancelled s1 {"devicesCount": 1, "userPrincipalName": "ANNA.A@contoso.com"}`, later),
		fmt.Sprintf(`%d/1 open s1 {"devicesCount": 1}`, again),
		fmt.Sprintf(`%d/1 applied s1 {"devicesCount": 1, "userPrincipalName": "anna.a@contoso.com"}`, first),
	}
	if diff := cmp.Diff(history("Anna.A@Contoso.com", 0), want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	if diff := cmp.Diff(history("anna.a@contoso.com", 2), want[:2]); diff != "" {
		t.Errorf("two of them (-got +want):\n%s", diff)
	}
	if got := history("nobody@contoso.com", 0); got != nil {
		t.Errorf("nobody: %v", got)
	}
	_, _ = second, third
}

// What settled a row is named, and found by that name.
func TestUserRowIsWhole(t *testing.T) {
	w, first, _, _ := story(t)
	w.exec(`UPDATE run SET created_at = '2026-11-23T10:00:00+01'`)
	rows, err := w.audit.User(t.Context(), "anna.b@contoso.com", 0)
	w.must(err)
	if len(rows) != 1 || rows[0].Event == nil || rows[0].SettledAt == nil {
		t.Fatalf("got %+v", rows)
	}
	event, err := w.audit.Event(t.Context(), *rows[0].Event)
	w.must(err)
	want := UserRow{
		Run: first, Row: 2, Line: 3, RunName: "users.csv", Actor: "anna@desk", Tenant: contoso, CreatedAt: rows[0].CreatedAt,
		Route: "plain", DeviceConfigurationID: configuration, UserStatusID: "s2",
		Wanted: json.RawMessage(`{"devicesCount": 1, "userPrincipalName": "Anna.B@contoso.com"}`), Outcome: "rejected", HTTPStatus: ptr(403),
		Error: event.Error, SettledAt: &event.RecordedAt, Event: &event.ID,
	}
	if diff := cmp.Diff(rows[0], want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	if got := rows[0].CreatedAt.Format("15:04 MST"); got != "09:00 UTC" {
		t.Errorf("enqueued at %s", got)
	}
}
