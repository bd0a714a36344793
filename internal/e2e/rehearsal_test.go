package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a tenant said is played back to the same file in another installation, which makes the same of it, row by row: outcome,
// status, Graph's code and its words, the number of requests, and the values before and after.
func TestRehearsalFromTheAudit(t *testing.T) {
	t.Parallel()
	const rows = 40
	k, _ := newTestKit(t)
	var file, script strings.Builder
	file.WriteString("deviceConfigurationId;id;status;devicesCount\n")
	for i := range rows {
		fmt.Fprintf(&file, "cfg-1;u%d;compliant;%d\n", i, i)
	}
	for id, answers := range map[int]string{
		3: "404", 4: "403", 5: "429, ok", 6: "503-bare, ok", 7: "500, 404", 8: "reset, ok", 9: "truncated, ok", 10: "html, ok", 11: "301", 12: "204", 13: "409, 404", 14: "429, 429, 403",
	} {
		fmt.Fprintf(&script, "- match: {method: PATCH, status: u%d}\n  answers: [%s]\n", id, answers)
	}
	k.simulator("--script="+k.write("script.yaml", script.String()), "--no-op-400")
	users := k.write("users.csv", file.String())
	then := k.outcomes(users)

	events := k.write("events.json", k.ok("audit", "events", "--run", then.run, "--bodies", "--output=json", "--limit=0").stdout)
	rehearsal, _ := newTestKit(t)
	root := rehearsal.simulator("--from-audit=" + events)
	now := rehearsal.outcomes(users)
	if diff := cmp.Diff(then.columns, now.columns); diff != "" {
		t.Errorf("-then +now\n%s", diff)
	}
	played := 0
	for _, r := range patches(rehearsal, root) {
		if r.Fault == "recorded" {
			played++
		}
	}
	if all := len(patches(rehearsal, root)); played != all || played < rows {
		t.Errorf("%d of %d answers were played back", played, all)
	}
}

// outcome is what became of the rows of a file.
type outcome struct {
	run     string
	columns map[string][]string
}

// outcomes enqueues a file, has it worked and reads what became of its rows, without what differs from one time to the next.
func (k *kit) outcomes(users string) (o outcome) {
	k.tb.Helper()
	o.run = enqueued(k, k.ok("enqueue", "csv", "--max-failures=100%", "--output=json", users))
	if r := k.run("worker", "--drain"); r.code != 3 {
		k.tb.Fatal(r)
	}
	out := users + "." + o.run + ".results"
	k.ok("audit", "results", o.run, "--force", "-o", out)
	text, err := os.ReadFile(out)
	if err != nil {
		k.tb.Fatal(err)
	}
	o.columns = map[string][]string{}
	for _, name := range []string{"id", "outcome", "http_status", "error_code", "attempts", "before", "after"} {
		if name != "id" {
			name = "graphpatch_" + name
		}
		o.columns[name] = columnOf(k.tb, text, name)
	}
	return o
}
