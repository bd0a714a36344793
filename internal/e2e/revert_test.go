package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/postgres/pgtest"
)

// sawBefore records what a look at statuses showed before anything of their rows was sent.
func sawBefore(t *testing.T, db *pgtest.DB, run string, statuses map[int]string) {
	t.Helper()
	conn := db.Conn(t)
	for row, body := range statuses {
		_, err := conn.Exec(t.Context(), `
			INSERT INTO audit_event (run, row, outcome, method, status, sent_at, client_request_id, response_body)
			VALUES ($1, $2, 'observed', 'GET', 200, clock_timestamp(), gen_random_uuid(), convert_to($3, 'UTF8'))`, run, row, body)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// statusesNow are the properties of the statuses that the simulator has, by id.
func statusesNow(k *kit, root string) map[string]string {
	k.tb.Helper()
	all := map[string]string{}
	for _, page := range get[[]struct {
		ID         string
		Properties struct {
			Status       string
			DevicesCount int
		}
	}](k, root+"/_sim/statuses") {
		for _, s := range page {
			all[s.ID] = fmt.Sprint(s.Properties.Status, " ", s.Properties.DevicesCount)
		}
	}
	return all
}

// A run was a mistake: what it did is taken back where it still stands, and only there. Then the revert is reverted.
func TestRevert(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	root := k.simulator()
	file := k.write("users.csv", "deviceConfigurationId;id;status;devicesCount\nc;u1;compliant;1\nc;u2;compliant;2\nc;u3;compliant;3\nc;u4;compliant;4\nc;u5;compliant;\n")
	origin := enqueued(k, k.ok("enqueue", "csv", "--hold", "--output=json", file))
	before := map[int]string{}
	for row, status := range map[int]string{1: "error", 2: "conflict", 3: "unknown", 5: "error"} {
		before[row] = fmt.Sprintf(`{"id":"u%d","status":%q,"devicesCount":10}`, row, status)
	}
	sawBefore(t, db, origin, before)
	says(t, k.run("enqueue", "revert", origin), 2, "nothing that could be taken back")
	k.ok("enqueue", "release", origin)
	says(t, k.run("enqueue", "revert", origin), 2, "is running")
	says(t, k.ok("worker", "--drain"), 0)

	// Somebody else changes u2, and a later file u3.
	post(k, root+"/_sim/statuses", `[{"configuration":"c","id":"u2","properties":{"status":"remediated","devicesCount":2}}]`)
	later := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.write("later.csv", "deviceConfigurationId,id,devicesCount\nc,u3,33\n")))
	says(t, k.ok("worker", "--drain"), 0)
	sent := len(patches(k, root))

	says(t, k.ok("enqueue", "revert", "--dry-run", origin), 0, "run "+origin+": 3 rows for 1 configuration on 1 route (3 applied)", "2 rows are left out",
		"row 3 (line 4), c u3: a later update asks for its devicesCount: row 1 of run "+later, "row 4 (line 5), c u4: nobody looked at its values before",
		`row 1 (line 2), c u1, applied: devicesCount 10, status "error"`, `row 5 (line 6), c u5, applied: status "error"`, "Dry run: nothing was enqueued.")
	says(t, k.run("enqueue", "revert", "--wait", origin), 2, "--wait")
	var said struct {
		Run    int64
		Rows   int
		Held   bool
		Revert struct {
			Origin   int64
			LeftOut  int
			NotTaken []struct{ UserStatusID, Why string }
		}
	}
	if err := json.Unmarshal([]byte(k.ok("enqueue", "revert", "--output=json", "--actor=eve", origin).stdout), &said); err != nil {
		t.Fatal(err)
	}
	if said.Rows != 3 || !said.Held || said.Revert.LeftOut != 2 || len(said.Revert.NotTaken) != 2 || said.Revert.NotTaken[1].UserStatusID != "u4" {
		t.Errorf("got %+v", said)
	}
	revert := strconv.FormatInt(said.Run, 10)
	says(t, k.ok("worker", "--drain"), 0, revert, "held")
	if got := len(patches(k, root)); got != sent {
		t.Errorf("%d requests were made before the release", got-sent)
	}
	says(t, k.ok("audit", "show", origin), 0, "reverted", "eve", "run "+revert+" takes 3 rows back")
	says(t, k.ok("audit", "show", revert), 0, "revert of users.csv", "revert of run "+origin+", which came from ", "enqueued on hold")
	k.ok("enqueue", "release", revert)
	says(t, k.run("worker", "--drain"), 3, "1 moved")
	want := map[string]string{"u1": "error 10", "u2": "remediated 2", "u3": "compliant 33", "u4": "compliant 4", "u5": "error 0"}
	if diff := cmp.Diff(want, statusesNow(k, root)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	says(t, k.ok("audit", "events", "--run", revert, "--row=2", "--final", "--bodies"), 0,
		`not taken back: it was changed since the run: status is "remediated", not "compliant"`)
	all := get[request](k, root+"/_sim/requests")
	for i, r := range all {
		if r.Method == "PATCH" && i > sent && !slices.ContainsFunc(all[:i], func(b request) bool { return b.Method == "GET" && b.Path == r.Path }) {
			t.Errorf("%s was sent before it was read", r.Path)
		}
	}

	// Taken back, and back again: what the revert found and wrote is in the audit as well.
	again := enqueued(k, k.ok("enqueue", "revert", "--output=json", revert))
	k.ok("enqueue", "release", again)
	says(t, k.ok("worker", "--drain"), 0)
	want["u1"], want["u5"] = "compliant 1", "compliant 0"
	if diff := cmp.Diff(want, statusesNow(k, root)); diff != "" {
		t.Errorf("reverted: -want +got\n%s", diff)
	}
	if text := k.ok("audit", "results", again, "-o", "-").stdout; !strings.Contains(text, "c;u1;compliant;1;1;2;applied;") || !strings.Contains(text, "c;u5;compliant;;2;6;applied;") {
		t.Errorf("the rows come back as %s", text)
	}
}

// post tells the simulator something.
func post(k *kit, url, body string) {
	k.tb.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		k.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		k.tb.Fatalf("%s: %s", url, resp.Status)
	}
}
