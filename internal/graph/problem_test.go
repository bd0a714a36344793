package graph_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"graphpatch/internal/graph"
)

// nested wraps a message into so many levels of Intune's JSON in a string.
func nested(message string, levels int) string {
	for range levels {
		wrapped, err := json.Marshal(map[string]any{"_version": 3, "Message": message, "RetryAfter": nil})
		if err != nil {
			panic(err)
		}
		message = string(wrapped)
	}
	return message
}

func odata(code, message string) string {
	body, err := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestProblem(t *testing.T) {
	t.Parallel()
	const words = "An error has occurred - Operation ID (for customer support): 0 - Activity ID: 1 - Url: https://fef.example/"
	for name, test := range map[string]struct {
		status     int
		body, want string
	}{
		"documented": {429, `{"error":{"code":"TooManyRequests","message":"Please retry again later.",
			"innerError":{"code":"429","date":"2020-08-18T12:51:51","message":"Please retry after","request-id":"r","client-request-id":"c","status":"429"}}}`,
			"TooManyRequests: Please retry again later."},
		"lower-case innererror": {400, `{"error":{"code":"BadRequest","message":"no","innererror":{"innererror":{"code":"x"}}}}`, "BadRequest: no"},
		"code only":             {504, odata("UnknownError", ""), "UnknownError"},
		"message only":          {500, odata("", "words"), "words"},
		"one level":             {400, odata("BadRequest", nested(words, 1)), "BadRequest: " + words},
		"two levels":            {400, odata("BadRequest", nested(words, 2)), "BadRequest: " + words},
		"three levels":          {400, odata("BadRequest", nested(words, 3)), "BadRequest: " + words},
		"four levels":           {400, odata("BadRequest", nested(words, 4)), "BadRequest: " + nested(words, 1)},
		"spaced JSON":           {400, odata("", "\r\n {\"Message\": \"words\"} "), "words"},
		"message in braces":     {400, odata("", "{not JSON}"), "{not JSON}"},
		"JSON without Message":  {400, odata("", `{"_version":3}`), `{"_version":3}`},
		"code is a number":      {400, `{"error":{"code":400,"message":"words"}}`, "words"},
		"message is null":       {400, `{"error":{"code":"BadRequest","message":null}}`, "BadRequest"},
		"error is a string":     {400, `{"error":"invalid"}`, "Bad Request"},
		"other JSON":            {502, `["words"]`, "Bad Gateway"},
		"a code within":         {400, odata("UnknownError", `{"code":"Inner","Message":"words"}`), "Inner: words"},
		"an error in a message": {500, odata("", `{"error":{"code":"Inner","message":"words"}}`), "Inner: words"},
		"only the inner error":  {429, `{"error":{"code":"","message":"","innerError":{"code":"429","message":"Please retry after"}}}`, "429: Please retry after"},
		"HTML":                  {502, "<html><body>Bad gateway</body></html>", "Bad gateway"},
		"HTML with a title":     {502, "<!DOCTYPE html><html><head><title>502 &amp; more\r\n </title><style>a{}</style></head><body>x</body>", "502 & more"},
		"HTML with a script":    {502, "<p>An <b>odd</b> page</p><script>alert(1)</script><!-- no -->", "An odd page"},
		"HTML that breaks off":  {502, "<html><body><p>Bad gate</p><scr", "Bad gate"},
		"HTML without words":    {502, "<html></html>", "Bad Gateway"},
		"much HTML":             {502, "<p>" + strings.Repeat("é", 300), strings.Repeat("é", 200) + "…"},
		"cut off":               {500, `{"error":{"code":"Inter`, "Internal Server Error"},
		"cut off after code":    {500, `{"error":{"code":"InternalServerError","message":"An err`, "InternalServerError: An err…"},
		"cut off after message": {500, `{"error":{"code":"X","message":"words \"here\"","innerError":{"da`, `X: words "here"`},
		"invalid UTF-8":         {500, "{\"error\":{\"code\":\"X\",\"message\":\"a\xffb\"}}", "X: a\uFFFDb"},
		"empty":                 {404, "", "Not Found"},
		"status without a name": {509, "", "HTTP status 509"},
		"unexpected success":    {202, "", "Accepted"},
		"applied":               {200, odata("Odd", "words"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := graph.Exchange{Sent: true, Status: test.status, Body: []byte(test.body)}
			if got := x.Problem(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got := (graph.Exchange{}).Problem(); got != "" {
		t.Errorf("nothing happened: got %q", got)
	}
}

func FuzzProblem(f *testing.F) {
	f.Add([]byte(odata("BadRequest", nested("words", 3))))
	f.Add([]byte(`{"error":{"code":1,"message":"{}"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := (graph.Exchange{Sent: true, Status: 400, Body: body}).Problem()
		if got == "" || len(got) > 2100 || !utf8.ValidString(got) {
			t.Errorf("a refusal in %d bytes: %q", len(got), got)
		}
	})
}

func TestKeptHeaders(t *testing.T) {
	t.Parallel()
	server := answering(t, http.StatusTooManyRequests, "{}",
		"Content-Type", "application/json", "Date", "Tue, 18 Aug 2020 12:51:51 GMT",
		"Retry-After", "1", "Retry-After", "5",
		"request-id", "r-1", "client-request-id", "c-1", "x-ms-ags-diagnostic", `{"ServerInfo":{}}`,
		"WWW-Authenticate", `Bearer realm=""`, "WWW-Authenticate", "Basic", "Location", "/elsewhere",
		"RateLimit-Limit", "100", "RateLimit-Remaining", "0", "RateLimit-Reset", "7",
		"x-ms-throttle-limit-percentage", "0.9", "x-ms-throttle-scope", "Tenant_Application", "x-ms-throttle-information", "cpu",
		"x-ms-resource-unit", "2", "Set-Cookie", "session=secret", "X-Other", "no")
	want := strings.Join([]string{
		"Client-Request-Id: c-1", "Content-Length: 2", "Content-Type: application/json", "Date: Tue, 18 Aug 2020 12:51:51 GMT",
		"Location: /elsewhere", "RateLimit-Limit: 100", "RateLimit-Remaining: 0", "RateLimit-Reset: 7", "Request-Id: r-1",
		"Retry-After: 1", "Retry-After: 5", `Www-Authenticate: Bearer realm=""`, "Www-Authenticate: Basic",
		`X-Ms-Ags-Diagnostic: {"ServerInfo":{}}`, "X-Ms-Resource-Unit: 2", "X-Ms-Throttle-Information: cpu",
		"X-Ms-Throttle-Limit-Percentage: 0.9", "X-Ms-Throttle-Scope: Tenant_Application", "",
	}, "\r\n")
	if got := string(patch(t, newClient(t, configFor(server.URL))).KeptHeaders()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (graph.Exchange{}).KeptHeaders(); len(got) != 0 {
		t.Errorf("without an answer: got %q", got)
	}
}
