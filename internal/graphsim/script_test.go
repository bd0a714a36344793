package graphsim_test

import (
	stdcmp "cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

func parseScript(t *testing.T, text string) graphsim.Script {
	t.Helper()
	script, err := graphsim.ParseScript([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// TestScript plays scripts for eight PATCHes of s1, each followed by a GET of
// it, and tells what the PATCHes and the GETs met.
func TestScript(t *testing.T) {
	for _, test := range []struct{ name, script, patches, gets string }{
		{"none", ``, "- - - - - - - -", "- - - - - - - -"},
		{"null", `null`, "- - - - - - - -", "- - - - - - - -"},
		{"in order, for whatever comes", `[{answers: [503, 500, ok, 429]}]`, "503 - - - - - - -", "500 429 - - - - - -"},
		{"for one method", `[{match: {method: PATCH}, answers: [503, 500]}]`, "503 500 - - - - - -", "- - - - - - - -"},
		{"times", `[{match: {method: PATCH}, answers: [503, ok], times: 3}]`, "503 - 503 - 503 - - -", "- - - - - - - -"},
		{"repeat", `[{match: {method: PATCH}, answers: [503, ok, 500], then: repeat}]`, "503 - 500 503 - 500 503 -", "- - - - - - - -"},
		{"last", `[{match: {method: PATCH}, answers: [503, 500], times: 2, then: last}]`, "503 500 503 500 500 500 500 500", "- - - - - - - -"},
		{"the first that matches", `
- match: {status: s1, method: GET}
  answers: [404]
- match: {status: s2}
  answers: [403]
- answers: [503, 500]
  then: repeat`, "503 500 503 500 503 500 503 500", "404 - - - - - - -"},
		{"by configuration and route", `[{match: {configuration: c1, route: plain}, answers: [504]}, {match: {configuration: c2}, answers: [403], then: last}]`, "504 - - - - - - -", "- - - - - - - -"},
		{"waits for a request it makes sense for", `[{answers: [503, 204, 500]}]`, "503 204 - - - - - -", "- 500 - - - - - -"},
		{"as JSON", `[{"match":{"status":"s1","method":"PATCH"},"answers":["503","reset"],"then":"last"}]`, "503 reset reset reset reset reset reset reset", "- - - - - - - -"},
	} {
		sim := newSim(t, graphsim.Config{Script: parseScript(t, test.script)})
		var met [2][]string
		for range 8 {
			askOrBeCut(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":1}`)
			askOrBeCut(sim, "GET", plainRoute+"/s1", "")
		}
		for i, logged := range sim.Requests() {
			met[i%2] = append(met[i%2], stdcmp.Or(logged.Fault, "-"))
		}
		if diff := cmp.Diff([]string{test.patches, test.gets}, []string{strings.Join(met[0], " "), strings.Join(met[1], " ")}); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// askOrBeCut survives a connection that is cut, which without a server shows as
// a panic.
func askOrBeCut(sim http.Handler, method, target, body string) {
	defer func() { _ = recover() }()
	ask(sim, method, target, body)
}

// TestScriptWinsOverFaults also by saying ok, and without shifting the draws.
func TestScriptWinsOverFaults(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: faults(t, "500:1"), Script: parseScript(t, `[{match: {status: s1}, answers: [503, ok]}]`)})
	for _, step := range []struct {
		id   string
		want int
	}{{"s1", 503}, {"s1", 200}, {"s2", 500}, {"s1", 200}} {
		if w := ask(sim, "PATCH", plainRoute+"/"+step.id, documentedBody); w.Code != step.want {
			t.Errorf("%s: %d, want %d", step.id, w.Code, step.want)
		}
	}
}

func TestFaultyScripts(t *testing.T) {
	for _, test := range []struct{ script, want string }{
		{`answers: [503]`, "script line 1: the script must be a list"},
		{`[503]`, "script line 1: a rule must be a mapping"},
		{"- match: {method: PATCH}\n- answers: []", "script line 1: a rule without answers\nscript line 2: answers are empty"},
		{"- answers: 503\n- answers: [[503]]", "script line 1: answers must be a list\nscript line 2: an answer must be one word, not empty"},
		{
			"- match:\n    methods: GET\n    method: get\n    route: roots\n  answers:\n  - 503\n  - 418\n  times: 0\n  then: stop\n  color: red\n",
			`script line 2: match has no "methods"` + "\n" +
				`script line 3: method "get" is unknown: there are GET, PATCH` + "\n" +
				`script line 4: route "roots" is unknown: there are plain, root, identity, identity-root, ios-scep-root, wp81-vpn-identity, macos-wired-root, macos-wired-identity, windows-eap-identity, windows-eap-roots` + "\n" +
				`script line 8: times "0": must be a whole number from 1 to 1000000000` + "\n" +
				`script line 9: then "stop" is unknown: there are ok, repeat, last` + "\n" +
				`script line 10: a rule has no "color"` + "\n" +
				`script line 7: an answer "418" is unknown: there are ok, ` + strings.Join(faultKinds(), ", "),
		},
		{"- answers: [503]\n  answers: [500]", `script line 2: "answers" is there already`},
		{"- match: {status: }\n  answers: [503]", "script line 1: status must be one word, not empty"},
		{"- match: {method: GET}\n  answers: [noop]", "script line 2: answer noop: method GET: this kind is for a PATCH only"},
		{"- answers: [503]\n---\n- answers: [500]", "script line 2: there is more than one document"},
	} {
		_, err := graphsim.ParseScript([]byte(test.script))
		if diff := cmp.Diff(test.want, fmt.Sprint(err)); diff != "" {
			t.Errorf("%s: %s", test.script, diff)
		}
	}
	if _, err := graphsim.ParseScript([]byte("- [")); err == nil || !strings.Contains(err.Error(), "line") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseScript(f *testing.F) {
	for _, text := range []string{graphsim.ScriptHelp, "- answers: &a [503]\n- answers: *a", "[{answers: [ok], times: 2}]", "- &a [*a]", "{}", "~"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		script, err := graphsim.ParseScript(text)
		if err != nil {
			return
		}
		askOrBeCut(newSim(t, graphsim.Config{Script: script, FaultRetryAfter: "1"}), "GET", "/", "")
	})
}

func TestScriptHelpIsAScript(t *testing.T) {
	sim := newSim(t, graphsim.Config{Script: parseScript(t, graphsim.ScriptHelp)})
	if w := ask(sim, "GET", plainRoute, ""); w.Code != http.StatusTooManyRequests {
		t.Error(w.Code)
	}
}

func TestReplaceFaults(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: faults(t, "500:1"), Script: parseScript(t, `[{match: {status: s1}, answers: [503], then: last}]`)})
	status := func(id string) int { return ask(sim, "PATCH", plainRoute+"/"+id, documentedBody).Code }
	replace := func(body string) int { return ask(sim, "POST", "/_sim/faults", body, "Authorization", "").Code }
	for _, step := range []struct {
		body   string
		answer int
		s1, s2 int
	}{
		{`{"faults":["404:status=s2"]}`, 204, 200, 404},
		{`{"faults":["404:2"]}`, 400, 200, 404}, // all or nothing
		{`{"script":[{"answers":["418"]}]}`, 400, 200, 404},
		{`{"faults":["500:60%","503:60%"]}`, 400, 200, 404},
		{`{"fault":[]}`, 400, 200, 404},
		{`[]`, 400, 200, 404},
		{"{\"script\":[\n\t{\"match\":{\"status\":\"s1\"},\n\t\"answers\":[\"403\"],\"then\":\"last\"}]}", 204, 403, 200},
		{`{}`, 204, 200, 200},
	} {
		if got := replace(step.body); got != step.answer {
			t.Errorf("%s: %d, want %d", step.body, got, step.answer)
		}
		if s1, s2 := status("s1"), status("s2"); s1 != step.s1 || s2 != step.s2 {
			t.Errorf("%s: s1 %d, s2 %d", step.body, s1, s2)
		}
	}
	if n := sim.Stats().Requests; n != 16 {
		t.Errorf("%d requests: replacing faults is no reset", n)
	}
	sim.Reset()
	if s1, s2 := status("s1"), status("s2"); s1 != 503 || s2 != 500 {
		t.Errorf("after a reset: s1 %d, s2 %d", s1, s2)
	}
}
