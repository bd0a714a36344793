package jobs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

const pseudonymKey = "0123456789abcdef"

func keeping(t testing.TB, kept, key string) Bodies {
	t.Helper()
	b, err := NewBodies(kept, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBodies(t *testing.T) {
	anna, name := Pseudonym([]byte(pseudonymKey), "anna@contoso.com"), Pseudonym([]byte(pseudonymKey), "Anna Ä")
	if anna != Pseudonym([]byte(pseudonymKey), "ANNA@Contoso.com") || anna == Pseudonym([]byte(pseudonymKey+"x"), "anna@contoso.com") || len(anna) != len("hmac:")+22 {
		t.Fatalf("got %s", anna)
	}
	wanted := userstatus.Wanted{UserPrincipalName: userstatus.Of("anna@contoso.com"), UserDisplayName: userstatus.Of("Anna Ä")}
	event := func(body, problem string) ledger.Event {
		return ledger.Event{URL: "u", RequestBody: []byte(body), ResponseBody: []byte(body), BodyCut: true, Error: problem}
	}
	full, redacted, none := keeping(t, FullBodies, ""), keeping(t, RedactedBodies, pseudonymKey), keeping(t, NoBodies, "")
	for _, c := range []struct{ body, problem, redacted, masked string }{
		{
			`{"userPrincipalName":"anna@contoso.com","userDisplayName":"Anna Ä","devicesCount":12345678901234567890,"status":"a<b"}`, "",
			`{"devicesCount":12345678901234567890,"status":"a<b","userDisplayName":"` + name + `","userPrincipalName":"` + anna + `"}`, "",
		},
		{ // other people, in a list, and in words
			`{"value":[{"UserPrincipalName":"x"},{"userDisplayName":null},{"error":{"message":"Anna Ä <ANNA@contoso.com> may not"}}]}`, "403: user anna@contoso.com (Anna Ä) may not",
			`{"value":[{"UserPrincipalName":"` + Pseudonym([]byte(pseudonymKey), "x") + `"},{"userDisplayName":null},{"error":{"message":"` + name + ` <` + anna + `> may not"}}]}`,
			"403: user " + anna + " (" + name + ") may not",
		},
		{`<html>anna@contoso.com`, "", "not kept: 22 bytes that are not JSON from beginning to end", ""},
		{`{"a":1}{"userPrincipalName":"anna"}`, "", "not kept: 35 bytes that are not JSON from beginning to end", ""},
		{`{"userPrincipalName":"ann`, "", "not kept: 25 bytes that are not JSON from beginning to end", ""},
		{``, "no answer", ``, "no answer"},
	} {
		e := event(c.body, c.problem)
		e.Reads = []ledger.Event{event(c.body, c.problem)}
		if diff := cmp.Diff(full.of(e, wanted), e); diff != "" {
			t.Errorf("full: %s", diff)
		}
		got := redacted.of(e, wanted)
		want := event(c.redacted, c.masked)
		want.Reads = []ledger.Event{event(c.redacted, c.masked)}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("redacted: -got +want\n%s", diff)
		}
		got = none.of(e, wanted)
		if len(got.RequestBody)+len(got.ResponseBody)+len(got.Reads[0].ResponseBody) != 0 || got.BodyCut || strings.Contains(got.Error, "nna") {
			t.Errorf("none: %+v", got)
		}
		if string(e.Reads[0].RequestBody) != c.body {
			t.Error("the event that was given is changed")
		}
	}
	for _, c := range [][2]string{{RedactedBodies, "short"}, {RedactedBodies, ""}, {NoBodies, pseudonymKey}, {FullBodies, pseudonymKey}} {
		if _, err := NewBodies(c[0], c[1]); err == nil {
			t.Errorf("%v is accepted", c)
		}
	}
}

// Whatever a body is, it ends up without the name, and as JSON if it was.
func FuzzRedactedBody(f *testing.F) {
	for _, s := range []string{`{"userPrincipalName":"secret@contoso.com"}`, `[["secret@contoso.com"]]`, `"secret@contoso.com"`, `{"secret@contoso.com":0}`, `{"a":"\u0073ecret@contoso.com"}`, "\xff", `{`, `1e999`} {
		f.Add(s)
	}
	b := keeping(f, RedactedBodies, pseudonymKey)
	f.Fuzz(func(t *testing.T, s string) {
		got := string(b.body([]byte(s), userstatus.Wanted{UserPrincipalName: userstatus.Of("secret@contoso.com")}))
		if strings.Contains(got, "secret@contoso.com") || !utf8.ValidString(got) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

// What a worker records of exchanges, and says of failures, names nobody where nobody may be named; and all verifies.
func TestWorkerKeepsNoNames(t *testing.T) {
	for _, c := range []struct{ kept, key string }{{RedactedBodies, pseudonymKey}, {NoBodies, ""}} {
		t.Run(c.kept, func(t *testing.T) {
			k := newKit(t, graphsim.Config{})
			k.bodies = keeping(t, c.kept, c.key)
			k.wanted.UserPrincipalName = userstatus.Of("anna@contoso.com")
			run := k.enqueue(3, userstatus.Compliant)
			k.start(k.workerFor("worker-1", "token", fast))
			k.await(run, ledger.Finished)
			var names, pseudonyms, bodies int
			err := k.pool.QueryRow(t.Context(), `
				SELECT count(*) FILTER (WHERE strpos(encode(request_body || response_body, 'escape'), 'anna') > 0),
				       count(*) FILTER (WHERE strpos(encode(request_body, 'escape'), $1) > 0), count(request_body)
				FROM audit_event WHERE method = 'PATCH'`, Pseudonym([]byte(c.key), "anna@contoso.com")).Scan(&names, &pseudonyms, &bodies)
			want := 0
			if c.kept == RedactedBodies {
				want = 3
			}
			if err != nil || names != 0 || pseudonyms != want || bodies != want {
				t.Errorf("%d bodies, %d with the name, %d with the pseudonym, %v", bodies, names, pseudonyms, err)
			}
		})
	}
}
