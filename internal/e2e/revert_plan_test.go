package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a plan reads before anything is sent is what a revert goes back to, whether it came from a list or from a read of one
// status. Rows that were as they were wanted have nothing to be taken back; a status that was not there is named.
func TestRevertOfAPlannedRun(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.readsFirst = true
	root := k.simulator()
	var seeded, file strings.Builder
	file.WriteString("deviceConfigurationId,id,status,devicesCount\n")
	want := map[string]string{"new": "compliant 7"}
	for i := range 30 {
		id, status := fmt.Sprintf("u%d", i), "error"
		if i%10 == 0 {
			status = "compliant"
		}
		want[id] = status + " 7"
		fmt.Fprintf(&seeded, `,{"configuration":"c","id":%q,"properties":{"status":%q,"devicesCount":7}}`, id, status)
		fmt.Fprintf(&file, "c,%s,compliant,7\n", id)
	}
	post(k, root+"/_sim/statuses", "["+seeded.String()[1:]+"]")
	file.WriteString("c,new,compliant,7\n")
	origin := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.write("users.csv", file.String())))
	says(t, k.ok("worker", "--drain"), 0)
	sent := len(patches(k, root))
	if sent != 28 {
		t.Errorf("%d rows were sent, want 28", sent)
	}
	r := k.ok("enqueue", "revert", "--output=json", origin)
	says(t, r, 0, `"rows": 27`, `"leftOut": 1`, "nobody looked at its values before")
	revert := enqueued(k, r)
	k.ok("enqueue", "release", revert)
	says(t, k.ok("worker", "--drain"), 0)
	if diff := cmp.Diff(want, statusesNow(k, root)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := len(patches(k, root)) - sent; got != 27 {
		t.Errorf("%d rows were taken back, want 27", got)
	}
}
