package userstatus

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// microsofts is the request body of Microsoft's page about updating a deviceConfigurationUserStatus, whose
// Content-Length header says 290: so its lines end in CRLF.
const microsofts = `{
  "@odata.type": "#microsoft.graph.deviceConfigurationUserStatus",
  "userDisplayName": "User Display Name value",
  "devicesCount": 12,
  "status": "notApplicable",
  "lastReportedDateTime": "2017-01-01T00:00:17.7769392-08:00",
  "userPrincipalName": "User Principal Name value"
}`

func TestBodyIsMicrosoftsExampleByteForByte(t *testing.T) {
	body := string(microsoftsWanted(t).Body())
	if diff := cmp.Diff(body, strings.ReplaceAll(microsofts, "\n", "\r\n")); diff != "" {
		t.Error(diff)
	}
	if len(body) != 290 {
		t.Errorf("got %d bytes, want 290", len(body))
	}
}

func microsoftsWanted(t *testing.T) Wanted {
	return wanted(t, map[Properties]string{
		UserDisplayName:      "User Display Name value",
		DevicesCount:         "12",
		Status:               "notApplicable",
		LastReportedDateTime: "2017-01-01T00:00:17.7769392-08:00",
		UserPrincipalName:    "User Principal Name value",
	})
}

func wanted(t *testing.T, values map[Properties]string) Wanted {
	t.Helper()
	var w Wanted
	for p, text := range values {
		if err := w.Set(p, text); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestBodyTellsAbsentEmptyAndNullApart(t *testing.T) {
	const head = "{\r\n  \"@odata.type\": \"#microsoft.graph.deviceConfigurationUserStatus\""
	for name, c := range map[string]struct {
		wanted Wanted
		rest   string
	}{
		"nothing":     {Wanted{}, ""},
		"empty":       {Wanted{UserDisplayName: Of("")}, ",\r\n  \"userDisplayName\": \"\""},
		"null":        {Wanted{UserPrincipalName: Null[string]()}, ",\r\n  \"userPrincipalName\": null"},
		"zero":        {Wanted{DevicesCount: Of[int32](0)}, ",\r\n  \"devicesCount\": 0"},
		"negative":    {Wanted{DevicesCount: Of[int32](-2147483648)}, ",\r\n  \"devicesCount\": -2147483648"},
		"in order":    {Wanted{UserPrincipalName: Of("u"), Status: Of(Error)}, ",\r\n  \"status\": \"error\",\r\n  \"userPrincipalName\": \"u\""},
		"unescaped":   {Wanted{UserDisplayName: Of("R&D <a>")}, ",\r\n  \"userDisplayName\": \"R&D <a>\""},
		"escaped":     {Wanted{UserDisplayName: Of("O\"Hara\\\n")}, ",\r\n  \"userDisplayName\": \"O\\\"Hara\\\\\\n\""},
		"beyondASCII": {Wanted{UserDisplayName: Of("Zoë 東 🙂")}, ",\r\n  \"userDisplayName\": \"Zoë 東 🙂\""},
	} {
		if diff := cmp.Diff(string(c.wanted.Body()), head+c.rest+"\r\n}"); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEveryStatusStandsInTheBody(t *testing.T) {
	for _, s := range ComplianceStatuses() {
		if got := decoded(t, Wanted{Status: Of(s)}.Body())["status"]; got != string(s) {
			t.Errorf("got %v, want %v", got, s)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add("Ada", "ada@example.com")
	f.Add("\"\\\u2028\x00\x7f", "東京 🙂")
	f.Add("<&>", "")
	f.Fuzz(func(t *testing.T, name, upn string) {
		if !utf8.ValidString(name) || !utf8.ValidString(upn) {
			t.Skip("never stored")
		}
		body := decoded(t, Wanted{UserDisplayName: Of(name), UserPrincipalName: Of(upn)}.Body())
		want := map[string]any{"@odata.type": ODataType, "userDisplayName": name, "userPrincipalName": upn}
		if diff := cmp.Diff(body, want); diff != "" {
			t.Error(diff)
		}
	})
}

func decoded(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return m
}
