package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/audit"
	"graphpatch/internal/userstatus"
)

// person is a row that asks for a name.
func person(user int, upn string) userstatus.Row {
	u := want(user, userstatus.Compliant)
	u.Wanted.UserPrincipalName = userstatus.Of(upn)
	u.Wanted.UserDisplayName = userstatus.Of("Anna Ärmel")
	return userstatus.Row{Update: u, Other: []string{"a cell", ""}}
}

// importedRows is a running run of these rows.
func (k *kit) importedRows(rows ...userstatus.Row) Run {
	k.t.Helper()
	n := k.newRun(nil)
	for i := range rows {
		rows[i].Number, rows[i].Line = int32(i+1), int64(i+2)
	}
	if err := k.importRun(n, given(rows...)); err != nil {
		k.t.Fatal(err)
	}
	return k.run(n.ID)
}

// answerAll settles every open row; the bodies have what body says.
func (k *kit) answerAll(run Run, body func(row int32) string) {
	k.t.Helper()
	for _, c := range k.claimAll(run) {
		e := answer(run, c, "applied", "applied")
		e.RequestBody, e.ResponseBody = c.Send.Body(), []byte(body(c.Row.Row))
		k.record(e)
	}
}

func none(int32) string { return "" }

// left are the places in which the text can still be found, whatever its case.
func (k *kit) left(text string) int {
	k.t.Helper()
	return k.count(`
		SELECT (SELECT count(*) FROM status_update u WHERE strpos(lower(u::text), lower($1)) > 0)
		     + (SELECT count(*) FROM audit_event e WHERE strpos(lower(e::text), lower($1)) > 0
		        OR strpos(lower(encode(request_body, 'escape')), lower($1)) > 0 OR strpos(lower(encode(response_body, 'escape')), lower($1)) > 0)
		     + (SELECT count(*) FROM run r WHERE strpos(lower(r::text), lower($1)) > 0)`, text)
}

func TestErase(t *testing.T) {
	k := newKit(t)
	first := k.importedRows(person(1, "anna@contoso.com"), person(2, "bob@contoso.com"))
	k.answerAll(first, none)
	// Another run asks for the same status in another case, one does not name her at all, and one has her in a cell.
	second := k.importedRows(person(1, "ANNA@contoso.com"), userstatus.Row{Update: want(3, userstatus.Error)}, userstatus.Row{Update: want(4, userstatus.Error), Other: []string{"manager: Anna@Contoso.com"}})
	k.answerAll(second, func(row int32) string {
		if row == 2 {
			return `{"userPrincipalName":"anna@contoso.COM"}`
		}
		return `{}`
	})
	third := k.importedRows(userstatus.Row{Update: want(1, userstatus.Remediated)}, userstatus.Row{Update: want(5, userstatus.Remediated)})

	var open *EraseOpenError
	if _, err := k.Erase(t.Context(), "anna@contoso.com", "dora@desk", "request 1"); !errors.As(err, &open) || open.Run != third.ID {
		t.Fatalf("while a run is open: %v", err)
	}
	if k.count(`SELECT count(*) FROM audit_event WHERE outcome = 'erased'`)+k.count(`SELECT count(*) FROM status_update WHERE erased IS NOT NULL`) != 0 {
		t.Error("something was erased all the same")
	}
	k.answerAll(third, none)
	fourth := k.imported(want(9, userstatus.Error))
	for _, change := range []func(context.Context, int64, string, string) error{k.Hold, k.Cancel} {
		if err := change(t.Context(), fourth.ID, "dora@desk", "403: user anna@contoso.com may not"); err != nil {
			t.Fatal(err)
		}
	}

	before := k.verify(nil)
	heads, err := audit.New(k.pool).Checkpoint(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	exported := audit.Exported{}
	for _, h := range heads {
		exported[h.Run] = []audit.Head{h}
	}
	erased, err := k.Erase(t.Context(), "Anna@contoso.com", "dora@desk", "request 1")
	if err != nil {
		t.Fatal(err)
	}
	// Rows: one of the first run, all of the second, one of the third; of each its answer too, and why the fourth was held and cancelled.
	if want := (Erased{Runs: 4, Rows: 5, Events: 7}); erased != want {
		t.Errorf("got %+v, want %+v", erased, want)
	}
	if n := k.left("anna@contoso.com"); n != 0 {
		t.Errorf("the name is left in %d places", n)
	}
	if n := k.left("bob@contoso.com"); n != 2 {
		t.Errorf("another's name is in %d places, want 2", n)
	}
	after := k.verify(exported)
	if after.Erased != 12 || after.Events != before.Events+6 || after.Commits != before.Commits+4 || after.Exported != 4 {
		t.Errorf("got %+v before, %+v after", before, after)
	}
	if got := k.events(second, 2); !cmp.Equal(got, []string{"applied!", "erased"}) {
		t.Errorf("got %v", got)
	}
	k.exec(`DO 'BEGIN ASSERT (SELECT bool_and(actor = ''dora@desk'' AND error = ''request 1'') FROM audit_event WHERE outcome = ''erased''); END'`)
	if again, err := k.Erase(t.Context(), "anna@contoso.com", "dora@desk", "once more"); err != nil || again != (Erased{}) {
		t.Errorf("again: %+v, %v", again, err)
	}
	k.tamperWithErased(first)
}

// tamperWithErased holds what verify finds against what is done to events from which values were removed.
func (k *kit) tamperWithErased(run Run) {
	k.t.Helper()
	found := func() (found []string) {
		_, err := audit.New(k.pool).Verify(k.t.Context(), audit.VerifyFilter{Run: run.ID}, func(f audit.Finding) error {
			found = append(found, fmt.Sprintf("%d %s", *f.Row, f.What))
			return nil
		})
		if err != nil {
			k.t.Fatal(err)
		}
		return found
	}
	rewrite := func(sql string) {
		k.exec(`SET session_replication_role = replica; ` + sql + `; RESET session_replication_role`)
	}
	id := fmt.Sprint(run.ID)
	for _, c := range []struct{ do, undo, want string }{
		{ // what is left of it is under the digest
			`UPDATE audit_event SET status = 500 WHERE run = ` + id + ` AND row = 1 AND final`,
			`UPDATE audit_event SET status = 200 WHERE run = ` + id + ` AND row = 1 AND final`, "1 altered",
		},
		{ // so is the hash of what is gone
			`UPDATE status_update SET user_status_id = 'user-9' WHERE run = ` + id + ` AND row = 1`,
			`UPDATE status_update SET user_status_id = 'user-1' WHERE run = ` + id + ` AND row = 1`, "1 altered",
		},
		{ // values taken away without a word
			`UPDATE audit_event SET request_body = NULL, response_body = NULL, error = NULL,
			 erased = sha256('\x' || int4send(octet_length(request_body)) || request_body || int4send(octet_length(response_body)) || response_body || '\xffffffff')
			 WHERE run = ` + id + ` AND row = 2 AND final`, "", "2 altered",
		},
	} {
		rewrite(c.do)
		if got := strings.Join(found(), ", "); got != c.want {
			k.t.Errorf("%s: got %s", c.do, got)
		}
		if c.undo != "" {
			rewrite(c.undo)
		}
	}
}

// Only the removal of values goes past the trigger, and only with all the rest as it was.
func TestOnlyErasingGoesPastTheTrigger(t *testing.T) {
	k := newKit(t)
	run := k.importedRows(person(1, "anna@contoso.com"))
	k.answerAll(run, none)
	const gone = `request_body = NULL, response_body = NULL, error = NULL`
	for _, set := range []string{
		`erased = sha256('')`, `request_body = NULL, erased = sha256('')`, gone, gone + `, erased = sha256(''), status = 201`,
		gone + `, erased = sha256(''), final = false`, gone + `, erased = sha256(''), recorded_at = now()`,
	} {
		if _, err := k.pool.Exec(t.Context(), `UPDATE audit_event SET `+set); err == nil {
			t.Errorf("%s is let through", set)
		}
	}
	for _, set := range []string{`erased = sha256('')`, `user_principal_name = NULL, erased = sha256('')`, `line = 7`} {
		if _, err := k.pool.Exec(t.Context(), `UPDATE status_update SET `+set); err == nil {
			t.Errorf("%s is let through", set)
		}
	}
	if _, err := k.Erase(t.Context(), "anna@contoso.com", "dora@desk", ""); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`UPDATE audit_event SET erased = sha256('')`, `UPDATE audit_event SET erased = NULL`, `UPDATE status_update SET erased = sha256('')`} {
		if _, err := k.pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s is let through", sql)
		}
	}
}
