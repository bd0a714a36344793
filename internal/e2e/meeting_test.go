package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Two files ask for the same statuses, come in at the same moment and are worked by four processes at once. For each property
// the later run wins, no two requests for one status are ever on their way together, and nothing older follows what is newer.
func TestFilesThatMeet(t *testing.T) {
	t.Parallel()
	const users = 150
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	k.env["GRAPH_WRITE_LIMIT"] = "1000/20s"
	root := k.simulator("--latency=60ms")
	workers := k.working(4)
	counts, names := "deviceConfigurationId,id,status,devicesCount\n", "deviceConfigurationId,id,status,userDisplayName\n"
	for i := range users {
		counts += fmt.Sprintf("c,u%d,compliant,%d\n", i, i)
		names += fmt.Sprintf("c,u%d,error,User %d\n", i, i)
	}
	first := k.start(nil, "enqueue", "csv", "--name=counts", k.write("counts.csv", counts))
	second := k.start(nil, "enqueue", "csv", "--name=names", k.write("names.csv", names))
	for _, p := range []*process{first, second} {
		k.until("an import ends", func() bool { return len(p.ended) > 0 })
		if code := p.end(0); code != 0 {
			t.Fatalf("an import failed: %s", p.stderr)
		}
	}
	k.until("both runs are finished", func() bool { return b.count(`SELECT count(*) FROM run WHERE state = 'finished'`) == 2 })
	later, earlier := "compliant", "error"
	if query[string](k, `SELECT name FROM run ORDER BY id DESC LIMIT 1`) == "names" {
		later, earlier = earlier, later
	}
	for _, s := range get[[]status](k, root+"/_sim/statuses")[0] {
		n := strings.TrimPrefix(s.ID, "u")
		got := fmt.Sprint(s.Properties["status"], s.Properties["devicesCount"], s.Properties["userDisplayName"])
		if want := fmt.Sprint(later, n, "User "+n); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: got %s, want %s", s.ID, got, want)
		}
	}
	checkOrder(t, patches(k, root), later, earlier)
	if n := b.count(`SELECT count(*) FROM audit_event e WHERE e.outcome = 'superseded' AND e.error NOT LIKE 'run ' || (SELECT max(id) FROM run) || ' asks%'`); n != 0 {
		t.Errorf("%d superseded rows do not name the newer run", n)
	}
	if n := b.count(`SELECT count(*) FROM audit_event WHERE final`); n != 2*users {
		t.Errorf("%d rows have a final event, want %d", n, 2*users)
	}
	signalAll(workers, syscall.SIGTERM)
}

// checkOrder looks at the updates of each status: one at a time, and none with the older value after one with the newer.
func checkOrder(t *testing.T, sent []request, later, earlier string) {
	t.Helper()
	slices.SortStableFunc(sent, func(a, b request) int { return a.At.Compare(b.At) })
	over, decided := map[string]time.Time{}, map[string]bool{}
	for _, r := range sent {
		if r.At.Before(over[r.Path]) {
			t.Errorf("%s: a request came before the last one was answered", r.Path)
		}
		over[r.Path] = r.At.Add(time.Duration(r.WaitedMs * float64(time.Millisecond)))
		var asked struct{ Status string }
		if err := json.Unmarshal([]byte(r.Body), &asked); err != nil {
			t.Fatal(err)
		}
		if decided[r.Path] = decided[r.Path] || asked.Status == later; decided[r.Path] && asked.Status == earlier {
			t.Errorf("%s: %s was sent after %s", r.Path, earlier, later)
		}
	}
}
