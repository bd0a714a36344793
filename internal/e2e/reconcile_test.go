package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// firing is one of audit reconciliations.
type firing struct {
	Reconciliation, Outcome, Problem, State, Actor   string
	Missed, Rows, InSync, Corrected, LeftAlone, Open int
	Run                                              int64
}

func (k *kit) firings(name string) []firing {
	k.tb.Helper()
	var all []firing
	if err := json.Unmarshal([]byte(k.ok("audit", "reconciliations", name, "--output=json").stdout), &all); err != nil {
		k.tb.Fatal(err)
	}
	return all
}

// reconciling writes a file with one tenant and a reconciliation of it, once a year unless the test moves the clock.
func (k *kit) reconciling(root, table string) {
	k.tb.Helper()
	for _, name := range []string{"AZURE_TENANT_ID", "GRAPH_ACCESS_TOKEN", "GRAPH_BASE_URL", "GRAPH_WRITE_LIMIT"} {
		delete(k.env, name)
	}
	k.env["TOKEN"] = "token"
	k.env["GRAPHPATCH_CONFIG"] = k.write("tenants.yaml", fmt.Sprintf(`tenants:
  - name: contoso
    tenant: %s
    base-url: %s
    credential: {token: {env: TOKEN}}
    limits: {writes: 2000/20s, tenant: 4000/20s}
reconciliations:
  - name: yearly
    tenant: contoso
    schedule: "@yearly"
    time-zone: Europe/Berlin
    %s
    properties: [status, devicesCount]
`, tenant, root, table))
}

// yearsPass has the schedule miss so many of its times: all that it did was so much longer ago.
func (b books) yearsPass(n int) {
	b.k.tb.Helper()
	b.exec(fmt.Sprintf(`UPDATE schedule SET last_due = last_due - make_interval(years => %d)`, n))
	b.exec(fmt.Sprintf(`UPDATE firing SET due = due - make_interval(years => %d)`, n))
}

// A schedule is fired by whichever worker comes first, also after times that were missed, when its source is in order; by hand
// a person fires it as well, and what came of each firing can be read.
func TestReconciliation(t *testing.T) {
	t.Parallel()
	const rows = 40
	k, db := newTestKit(t)
	b := books{k, db.Conn(t)}
	root := k.simulator()
	file := k.sample(rows)
	k.reconciling(root, "csv: {file: "+file+"}")
	if said := k.ok("worker", "check").stdout; !strings.Contains(said, "reconciliation yearly") || !strings.Contains(said, "40 rows; the next firing is at") {
		t.Errorf("the check says:\n%s", said)
	}
	workers := k.working(2)
	k.until("the schedule is known", func() bool { return b.count(`SELECT count(*) FROM schedule`) == 1 })
	b.yearsPass(2)
	k.until("it was fired and its run finished", func() bool {
		f := k.firings("yearly")
		return len(f) == 1 && f[0].State == "finished"
	})
	if f := k.firings("yearly")[0]; f.Actor != "schedule" || f.Missed != 1 || f.Rows != rows || f.InSync+f.Corrected != rows {
		t.Errorf("got %+v", f)
	}
	checkState(k, root, file)
	k.ok("enqueue", "reconcile", "--wait", "yearly")

	// Somebody emptied the source by mistake.
	if err := os.WriteFile(file, []byte("deviceConfigurationId,userStatusId,status,devicesCount\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, k.run("enqueue", "reconcile", "yearly"), 2, "no rows", "Nothing was enqueued")
	b.yearsPass(1)
	k.until("the schedule was refused", func() bool { return len(k.firings("yearly")) == 4 })
	k.until("it is said", func() bool {
		return strings.Contains(workers[0].stderr.String()+workers[1].stderr.String(), "reconciliation: nothing was enqueued")
	})
	if f := k.firings("yearly")[0]; f.Outcome != "refused" || !strings.Contains(f.Problem, "no rows") {
		t.Errorf("got %+v", f)
	}
	table := k.ok("audit", "reconciliations").stdout
	if !strings.Contains(table, "refused") || !strings.Contains(table, "no rows") {
		t.Errorf("audit reconciliations says:\n%s", table)
	}
	says(t, k.run("worker", "check"), 1, "no rows")
	if n := b.count(`SELECT count(*) FROM run`); n != 2 {
		t.Errorf("%d runs, want 2", n)
	}
	signalAll(workers, syscall.SIGTERM)
}

// A reconciliation reads a database as it reads a file; what it may not show, it does not.
func TestReconciliationOfAQuery(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	root := k.simulator()
	from := postgresInventory(t)
	k.env["INVENTORY"] = from.url
	insert, file := devices(30)
	from.exec(deviceTable + insert)
	k.reconciling(root, `sql: {source: "env:INVENTORY", query-file: query.sql, time-zone: UTC}
    map: {configuration: deviceConfigurationId, serial: userStatusId, full_name: userDisplayName, devices: devicesCount, reported: lastReportedDateTime}
    empty-as: "null"`)
	k.write("query.sql", deviceQuery)
	workers := k.working(1)
	k.ok("enqueue", "reconcile", "--wait", "yearly")
	if sent := patches(k, root); len(sent) != strings.Count(file, "INC") {
		t.Errorf("%d updates were sent", len(sent))
	}

	from.exec(`DELETE FROM device`)
	says(t, k.run("enqueue", "reconcile", "yearly"), 2, "no rows", "Nothing was enqueued")
	from.exec(`DROP TABLE device`)
	says(t, k.run("enqueue", "reconcile", "yearly"), 2, "device", "Nothing was enqueued")
	k.env["INVENTORY"] = strings.Replace(from.url, "postgres://", "postgres://x", 1)
	says(t, k.run("enqueue", "reconcile", "yearly"), 1, "Nothing was enqueued")
	var outcomes []string
	for _, f := range k.firings("yearly") {
		outcomes = append(outcomes, f.Outcome)
	}
	if diff := cmp.Diff([]string{"failed", "refused", "refused", "enqueued"}, outcomes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if all := k.ok("audit", "reconciliations", "yearly").stdout; strings.Contains(all, from.secret) {
		t.Errorf("the password is shown:\n%s", all)
	}
	signalAll(workers, syscall.SIGTERM)
}

// drifting changes statuses of a configuration behind the tenant's back.
func (k *kit) drifting(root, configuration, value string, ids ...string) {
	k.tb.Helper()
	var all []status
	for _, id := range ids {
		all = append(all, status{Configuration: configuration, ID: id, Properties: map[string]any{"status": value, "devicesCount": 7}})
	}
	body, err := json.Marshal(all)
	if err != nil {
		k.tb.Fatal(err)
	}
	post(k, root+"/_sim/statuses", string(body))
}

func users(from, to int) (ids []string) {
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprintf("u%d", i))
	}
	return ids
}

// Each firing corrects exactly what drifted since the last one, while one of three workers is killed at each; a row that drifts
// back after three corrections is left alone; and when too much drifted nothing is sent before a person has looked.
func TestReconciliationCorrectsTheDrift(t *testing.T) {
	t.Parallel()
	const rows = 60
	k, db := newTestKit(t)
	b := &killing{kit: k, books: books{k, db.Conn(t)}}
	root := k.simulator()
	text := "deviceConfigurationId,userStatusId,status,devicesCount\n"
	for _, id := range users(1, rows) {
		text += "c," + id + ",compliant,7\n"
	}
	k.reconciling(root, "csv: {file: "+k.write("users.csv", text)+"}\n    max-drift: 50%")
	b.workers = k.working(3)
	k.drifting(root, "c", "compliant", users(1, rows)...)
	corrected := 0
	fire := func(n int, want firing) {
		t.Helper()
		k.until("the schedule is known", func() bool { return b.books.count(`SELECT count(*) FROM schedule`) == 1 })
		b.books.yearsPass(1)
		b.strike(n % len(b.workers))
		var f firing
		k.until("the firing is over", func() bool {
			b.age()
			b.books.exec(`UPDATE schedule SET alive_at = alive_at - interval '61 s' WHERE alive_at < clock_timestamp() - interval '15 s'`)
			all := k.firings("yearly")
			f = firing{}
			if len(all) == n {
				f = all[0]
			}
			return f.State == want.State
		})
		if f.InSync != want.InSync || f.Corrected != want.Corrected || f.LeftAlone != want.LeftAlone || f.Rows != rows || f.Open != want.Open {
			t.Errorf("firing %d: got %+v, want %+v", n, f, want)
		}
		corrected += f.Corrected
	}
	fire(1, firing{State: "finished", InSync: rows})
	for n := 2; n <= 4; n++ {
		k.drifting(root, "c", "error", append(users(10*n, 10*n+4), "u1")...)
		fire(n, firing{State: "finished", InSync: rows - 6, Corrected: 6})
	}
	k.drifting(root, "c", "error", "u1", "u2")
	says(t, k.run("enqueue", "reconcile", "--dry-run", "yearly"), 4, "58 unchanged, 1 to change, 1 left alone", "Nothing was sent")
	if n := len(k.firings("yearly")); n != 4 {
		t.Errorf("a dry run is a firing: there are %d", n)
	}
	fire(5, firing{State: "finished", InSync: rows - 2, Corrected: 1, LeftAlone: 1})
	k.drifting(root, "c", "error", users(2, 40)...)
	fire(6, firing{State: "held", InSync: rows - 40, LeftAlone: 1, Open: 39})
	held := k.firings("yearly")[0]
	says(t, k.run("enqueue", "reconcile", "yearly"), 1, "is on hold")
	if !strings.Contains(k.ok("audit", "show", fmt.Sprint(held.Run)).stdout, "39 of 60 rows drifted, more than max-drift 50% allows") {
		t.Error("the run does not say why it is held")
	}
	k.ok("enqueue", "release", fmt.Sprint(held.Run))
	k.settled(fmt.Sprint(held.Run), rows)
	if got := patches(k, root); len(got) < corrected+39 || len(got) > corrected+39+len(b.flying) {
		t.Errorf("%d updates were sent for %d drifted rows, %d of which were in flight at a kill", len(got), corrected+39, len(b.flying))
	}
	says(t, k.run("enqueue", "reconcile", "--dry-run", "--output=json", "yearly"), 4, `"drifted": 0`, `"leftAlone": 1`)
	signalAll(b.workers, syscall.SIGTERM)
}
