package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replayed is what enqueue replay --output json says of a run or a dry run.
type replayed struct {
	Run    int64
	Rows   int
	Replay struct {
		Origin          int64
		Force           bool
		Outcomes        map[string]int
		LeftOut, Partly int
		Later           []struct {
			Row, LaterRow int
			LaterRun      int64
			LeftOut       bool
			Properties    []string
			UserStatusID  string
		}
		First []struct {
			Row     int
			Outcome string
			Body    map[string]any
		}
	}
}

func (k *kit) replay(args ...string) replayed {
	k.tb.Helper()
	r := k.ok("enqueue", append([]string{"replay", "--output=json"}, args...)...)
	var said replayed
	if err := json.Unmarshal([]byte(r.stdout), &said); err != nil {
		k.tb.Fatalf("%v: %s", err, r)
	}
	return said
}

// sent are the PATCHes that Graph has seen since so many: for each status id what was asked for.
func sent(k *kit, root string, after int) (all []string) {
	k.tb.Helper()
	for _, r := range patches(k, root)[after:] {
		var body map[string]any
		if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
			k.tb.Fatal(err)
		}
		delete(body, "@odata.type")
		text, err := json.Marshal(body)
		if err != nil {
			k.tb.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %d", r.Path[strings.LastIndex(r.Path, "/")+1:], text, r.Status))
	}
	slices.Sort(all)
	return all
}

// The whole story of a file of which some rows were rejected: once they can be sent they are sent again, and only they; what a
// later file has changed meanwhile stays; the replay is replayed; both sides say what they have to do with each other.
func TestReplay(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	rejects := "- match: {method: PATCH, configuration: cfg-1, status: '%s'}\n  answers: ['404']\n  times: %d\n"
	script := ""
	for id, times := range map[string]int{"u2": 1, "u3": 1, "u4": 2, "u5": 1, "u6": 1} {
		script += fmt.Sprintf(rejects, id, times)
	}
	root := k.simulator("--script=" + k.write("script.yaml", script))
	file := k.write("users.csv", "\ufeffticket;deviceConfigurationId;id;status;devicesCount\r\n"+
		"T1;cfg-1;u1;compliant;1\r\nT2;cfg-1;u2;compliant;2\r\n\"T3\";cfg-1;u3;compliant;3\r\nT4;cfg-1;u4;compliant;4\r\nT5;cfg-1;u5;compliant;5\r\nT6;cfg-1;u6;compliant;6\r\n")
	origin := enqueued(k, k.ok("enqueue", "csv", "--output=json", file))
	says(t, k.run("worker", "--drain"), 3)
	first := len(patches(k, root))

	// A later file changes all of u5 and one property of u3.
	later := enqueued(k, k.ok("enqueue", "csv", "--output=json",
		k.write("later.csv", "deviceConfigurationId,id,status,devicesCount\ncfg-1,u5,error,50\ncfg-1,u3,conflict,\n")))
	says(t, k.ok("worker", "--drain"), 0)
	second := len(patches(k, root))

	dry := k.replay("--dry-run", origin)
	if dry.Run != 0 || dry.Rows != 4 || dry.Replay.LeftOut != 1 || dry.Replay.Partly != 1 || dry.Replay.Outcomes["rejected"] != 4 {
		t.Errorf("a dry run says %+v", dry)
	}
	number, _ := strconv.ParseInt(later, 10, 64)
	if l := dry.Replay.Later; len(l) != 2 || l[0].UserStatusID != "u3" || l[0].LeftOut || !slices.Equal(l[0].Properties, []string{"status"}) ||
		l[1].UserStatusID != "u5" || !l[1].LeftOut || l[1].LaterRun != number || l[1].LaterRow != 1 {
		t.Errorf("a dry run leaves out %+v", l)
	}
	told := k.ok("enqueue", "replay", "--dry-run", origin)
	says(t, told, 0, "run "+origin+": 4 rows for 1 configuration on 1 route (4 rejected)", "1 row is left out", "1 row is sent without",
		"row 5 (line 6), cfg-1 u5: left out, for row 1 of run "+later, "row 3 (line 4), cfg-1 u3: without status, for row 2 of run "+later,
		`row 2 (line 3), cfg-1 u2, rejected: devicesCount 2, status "compliant"`, "Dry run: nothing was enqueued.")
	if got := len(k.runs()); got != 2 {
		t.Fatalf("after two dry runs there are %d runs", got)
	}

	again := k.replay("--actor=eve", origin)
	replay := strconv.FormatInt(again.Run, 10)
	says(t, k.run("worker", "--drain"), 3) // u4 is rejected once more
	want := []string{
		`u2 {"devicesCount":2,"status":"compliant"} 200`, `u3 {"devicesCount":3} 200`,
		`u4 {"devicesCount":4,"status":"compliant"} 404`, `u6 {"devicesCount":6,"status":"compliant"} 200`,
	}
	if diff := cmp.Diff(want, sent(k, root, second)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	third := len(patches(k, root))
	says(t, k.ok("audit", "show", origin), 0, "replayed", "eve", "run "+replay+" sends 4 rows again")
	says(t, k.ok("audit", "show", replay), 0, "replay of users.csv", "replay of run "+origin+", which came from ")

	once := k.replay(replay)
	if once.Rows != 1 || once.Replay.First[0].Row != 3 {
		t.Errorf("a replay of the replay says %+v", once)
	}
	says(t, k.ok("worker", "--drain"), 0)
	if diff := cmp.Diff([]string{`u4 {"devicesCount":4,"status":"compliant"} 200`}, sent(k, root, third)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	fourth := len(patches(k, root))

	// Nothing is left of the origin but what --force takes, and then all of it.
	says(t, k.ok("enqueue", "replay", "--outcome=all", origin), 0, "1 row enqueued from run "+origin, "5 rows are left out")
	says(t, k.ok("worker", "--drain"), 0)
	if diff := cmp.Diff([]string{`u1 {"devicesCount":1,"status":"compliant"} 200`}, sent(k, root, fourth)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	says(t, k.run("enqueue", "replay", "--outcome=all", origin), 2, "no row is left to be sent again")
	forced := k.replay("--outcome=all", "--force", origin)
	says(t, k.ok("worker", "--drain"), 0)
	if forced.Rows != 6 || forced.Replay.LeftOut+forced.Replay.Partly != 0 || len(patches(k, root)) != fourth+7 {
		t.Errorf("with --force: %+v", forced)
	}
	if first != 6 {
		t.Errorf("the file was sent in %d requests", first)
	}

	// The file comes back for the rows that were replayed, with the lines of the origin.
	out := filepath.Join(k.dir, "again.csv")
	says(t, k.ok("audit", "results", replay, "-o", out), 0, "4 rows of 4")
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "\ufeffticket;deviceConfigurationId;id;status;devicesCount;graphpatch_row;graphpatch_line;") {
		t.Errorf("the file begins %.100q", text)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Join(strings.Split(line, ";")[:8], ";"))
	}
	if diff := cmp.Diff([]string{
		"T2;cfg-1;u2;compliant;2;1;3;applied", "T3;cfg-1;u3;;3;2;4;applied", "T4;cfg-1;u4;compliant;4;3;5;rejected", "T6;cfg-1;u6;compliant;6;4;7;applied",
	}, rows[1:]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// runs are all runs, newest first.
func (k *kit) runs() (runs []struct{ Run int64 }) {
	k.tb.Helper()
	if err := json.Unmarshal([]byte(k.ok("audit", "runs", "--output=json", "--limit=0").stdout), &runs); err != nil {
		k.tb.Fatal(err)
	}
	return runs
}

// What cannot be replayed is refused before anything is written, and the run's options are those of every run.
func TestReplayRefusals(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator()
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.write("users.csv", "deviceConfigurationId,id,status\nc,u1,compliant\nc,u2,error\n")))
	says(t, k.run("enqueue", "replay", "202611999999"), 2, "no such run")
	says(t, k.run("enqueue", "replay", "17"), 2, "is no run number")
	says(t, k.run("enqueue", "replay", "--outcome=rejectd", run), 2, "write rejected")
	says(t, k.run("enqueue", "replay", "--outcome=finished", run), 2, "is no last outcome of a row")
	says(t, k.run("enqueue", "replay", "--row=0", run), 2, "rows are counted from 1")
	says(t, k.run("enqueue", "replay", "--outcome=open", run), 2, "is running", "hold or cancel it first")
	says(t, k.run("enqueue", "replay", run), 2, "no row is left to be sent again")
	says(t, k.run("enqueue", "replay", "--tenant=22222222-2222-4222-8222-222222222222", run), 2, "is of tenant "+tenant)
	if got := len(k.runs()); got != 1 {
		t.Fatalf("there are %d runs", got)
	}
	k.ok("enqueue", "cancel", run)
	r := k.ok("enqueue", "replay", "--outcome=cancelled", "--hold", "--name=again", "--priority=1", "--canary=1", "--max-failures=7", run)
	says(t, r, 0, "2 rows enqueued from run "+run+", on hold")
	again := strconv.FormatInt(k.runs()[0].Run, 10)
	says(t, k.ok("audit", "show", again), 0, "Run "+again+", again", "held: enqueued on hold", "only the first 1 row", "held at 7 rejected or failed")
	says(t, k.run("enqueue", "replay", "--outcome=cancelled", "--force", run), 2, "the same content was enqueued as run "+again, "--again")
	says(t, k.ok("enqueue", "replay", "--outcome=cancelled", "--force", "--again", run), 0)
	says(t, k.ok("enqueue", "replay", "--outcome=open", "--force", "--dry-run", again), 0, "open", "Dry run")
	k.ok("enqueue", "cancel", again)
	waited := k.start(nil, "worker")
	says(t, k.ok("enqueue", "replay", "--outcome=cancelled", "--force", "--wait", again), 0, "finished: 2 of 2 rows settled")
	waited.end(15)
}
