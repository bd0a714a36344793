package e2e

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"graphpatch/internal/postgres/pgtest"
)

// status is one status as the simulator shows it.
type status struct {
	Configuration string         `json:"configuration"`
	Navigation    string         `json:"navigation"`
	CertificateID string         `json:"certificateId"`
	ID            string         `json:"id"`
	Properties    map[string]any `json:"properties"`
}

// navigations are the routes' places in Microsoft's documentation, by their short names.
var navigations = map[string]string{
	"":                     "",
	"plain":                "",
	"root":                 "/rootCertificate",
	"identity":             "/identityCertificate",
	"identity-root":        "/identityCertificate/rootCertificate",
	"ios-scep-root":        "/microsoft.graph.iosScepCertificateProfile/rootCertificate",
	"wp81-vpn-identity":    "/microsoft.graph.windowsPhone81VpnConfiguration/identityCertificate",
	"macos-wired-root":     "/microsoft.graph.macOSWiredNetworkConfiguration/rootCertificateForServerValidation",
	"macos-wired-identity": "/microsoft.graph.macOSWiredNetworkConfiguration/identityCertificateForClientAuthentication",
	"windows-eap-identity": "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/identityCertificateForClientAuthentication",
	"windows-eap-roots":    "/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation",
}

// navigation is the place of a route that is named in short or in full.
func navigation(route string) string {
	if full, ok := navigations[route]; ok {
		return full
	}
	return "/" + strings.TrimPrefix(strings.TrimSuffix(route, "/{windows81TrustedRootCertificateId}"), "/")
}

// checkState holds the simulator's state against a file of the sample's columns, cell by cell.
func checkState(k *kit, root, file string) {
	k.tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		k.tb.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		k.tb.Fatal(err)
	}
	states := map[string]status{}
	for _, s := range get[[]status](k, root+"/_sim/statuses")[0] {
		states[s.Configuration+s.Navigation+"/"+s.CertificateID+"/"+s.ID] = s
	}
	if len(states) != len(records)-1 {
		k.tb.Errorf("Graph has %d statuses, the file %d rows", len(states), len(records)-1)
	}
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	for line, r := range records[1:] {
		if k.tb.Failed() {
			return // one line tells as much as a thousand
		}
		cell := func(name string) string { return r[column[name]] }
		key := cell("deviceConfigurationId") + navigation(cell("route")) + "/" + cell("certificateId") + "/" + cell("userStatusId")
		s, ok := states[key]
		if !ok {
			k.tb.Errorf("line %d: Graph has no status %s", line+2, key)
			continue
		}
		for _, name := range []string{"userDisplayName", "userPrincipalName", "status", "lastReportedDateTime", "devicesCount"} {
			got := s.Properties[name]
			if n, ok := got.(float64); ok {
				got = strconv.Itoa(int(n))
			}
			if want := cell(name); want != "" && got != want {
				k.tb.Errorf("line %d: %s is %v, want %q", line+2, name, got, want)
			}
		}
	}
}

// runs reads `audit runs` as a script would.
func runs(k *kit) []map[string]any {
	k.tb.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(k.ok("audit", "runs", "--output=json").stdout), &all); err != nil {
		k.tb.Fatal(err)
	}
	return all
}

// enqueued returns the number of the run that a JSON report of enqueue names.
func enqueued(k *kit, r ran) string {
	k.tb.Helper()
	var report struct{ Run int64 }
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || report.Run == 0 {
		k.tb.Fatalf("no run in the report: %v\n%s", err, r)
	}
	return strconv.FormatInt(report.Run, 10)
}

func number(t *testing.T, v any) int {
	t.Helper()
	f, ok := v.(float64)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	return int(f)
}

func TestExampleFile(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	root := k.simulator()
	file := filepath.Join(repository(t), "examples", "statuses.csv")
	dry := k.ok("enqueue", "csv", "--dry-run", file)
	if !strings.Contains(dry.stdout, "40 rows") || !strings.Contains(dry.stdout, "nothing was enqueued") || len(runs(k)) != 0 {
		t.Errorf("dry run: %s", dry)
	}
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", file))
	if drained := k.ok("worker", "--drain"); !strings.Contains(drained.stdout, run) {
		t.Errorf("the drain does not name run %s: %s", run, drained)
	}
	checkState(k, root, file)
	requests := patches(k, root)
	if len(requests) != 40 {
		t.Errorf("Graph saw %d requests, want 40", len(requests))
	}
	show := k.ok("audit", "show", run, "--output=json")
	var shown map[string]any
	if err := json.Unmarshal([]byte(show.stdout), &shown); err != nil {
		t.Fatal(err)
	}
	if number(t, shown["rows"]) != 40 || number(t, shown["applied"]) != 40 || number(t, shown["settled"]) != 40 || shown["state"] != "finished" {
		t.Errorf("got %s", show)
	}
	refused := k.run("enqueue", "csv", file)
	if refused.code != 2 || !strings.Contains(refused.stderr, run) || !strings.Contains(refused.stderr, "--again") {
		t.Errorf("the same file again: %s", refused)
	}
	if empty := k.ok("worker", "--drain"); !strings.Contains(empty.stdout, "Nothing was to be done") {
		t.Errorf("a drain with nothing to do: %s", empty)
	}
}

func TestRejectedRowsAreExitCode3(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator("--fault=404:status=gone")
	file := k.write("users.csv", "deviceConfigurationId,id,status\nc,gone,compliant\nc,here,compliant\n")
	waiting := k.start(nil, "worker")
	if r := k.run("enqueue", "csv", "--wait", "--output=json", file); r.code != 3 || strings.Count(r.stdout, `"run"`) != 1 || !strings.Contains(r.stdout, `"rejected": 1`) {
		t.Errorf("enqueue --wait --output=json: %s", r)
	}
	if r := k.run("enqueue", "csv", "--again", "--wait", file); r.code != 3 || !strings.Contains(r.stdout, "1 rejected") {
		t.Errorf("enqueue --wait: %s", r)
	}
	if code := waiting.end(syscall.SIGTERM); code != 0 {
		t.Errorf("the worker ended with %d:\n%s", code, waiting.stderr)
	}
	k.ok("enqueue", "csv", "--again", file)
	if r := k.run("worker", "--drain"); r.code != 3 {
		t.Errorf("worker --drain: %s", r)
	}
	events := k.ok("audit", "events", "--outcome=rejected", "--output=json")
	if n := strings.Count(events.stdout, `"userStatusId": "gone"`) + strings.Count(events.stdout, `"userStatusId":"gone"`); n != 3 {
		t.Errorf("%d rejected events of the row, want 3: %s", n, events)
	}
}

func TestFaultyFileEnqueuesNothing(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	file := filepath.Join(repository(t), "internal", "source", "testdata", "fifteen-faults.csv")
	r := k.run("enqueue", "csv", file)
	if faults := strings.Count(r.stderr, file+":"); r.code != 2 || faults < 15 {
		t.Errorf("%d faults named: %s", faults, r)
	}
	conn := db.Conn(t)
	for _, table := range []string{"run", "run_count", "status_update", "audit_event", "in_flight", "river_job"} {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

func TestSkipInvalidAndStandardInput(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator()
	skipped := filepath.Join(k.dir, "skipped.csv")
	const text = "Device Config;User;status\nc;1;compliant\nc;2;Compliant\nc;1;error\n"
	args := []string{"csv", "-", "--map=Device Config=deviceConfigurationId", "--map=User=id", "--skip-invalid=" + skipped}
	if dry := k.runWith(strings.NewReader(text), "enqueue", append(args, "--dry-run")...); dry.code != 0 || !strings.Contains(dry.stdout, "2 rows invalid") {
		t.Errorf("dry run: %s", dry)
	}
	if _, err := os.Stat(skipped); err == nil {
		t.Error("a dry run wrote the skipped rows")
	}
	if r := k.runWith(strings.NewReader(text), "enqueue", args...); r.code != 0 || !strings.Contains(r.stdout, "1 row enqueued from standard input") {
		t.Fatalf("%s", r)
	}
	got, err := os.ReadFile(skipped)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(got); strings.Count(s, "\n") != 3 || !strings.Contains(s, "c;2;Compliant;3;") || !strings.Contains(s, "c;1;error;4;") {
		t.Errorf("skipped rows:\n%s", s)
	}
	if r := k.runWith(strings.NewReader(text), "enqueue", append(args, "--again")...); r.code != 2 || !strings.Contains(r.stderr, "exists") {
		t.Errorf("over a file that exists: %s", r)
	}
	left, err := filepath.Glob(filepath.Join(k.dir, ".graphpatch*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A worker is killed half way; the next one ends the run, and what was in flight is named.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	const rows = 2000
	k, db := newTestKit(t)
	root := k.simulator("--latency=20ms")
	k.env["GRAPH_WRITE_LIMIT"] = "20000/20s"
	file := k.sample(rows)
	run := enqueued(k, k.ok("enqueue", "csv", "--output=json", file))
	conn := db.Conn(t)
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := k.start(nil, "worker")
	k.until("half of the rows are settled", func() bool {
		return count(`SELECT settled FROM run_count`) > rows/2 && count(`SELECT count(*) FROM in_flight`) > 0
	})
	first.end(syscall.SIGKILL)
	k.until("the server has finished what the worker had asked of it", func() bool {
		return count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'graphpatch worker%'`) == 0
	})
	left := count(`SELECT count(*) FROM in_flight`)
	// What the clock would do in a minute and a half: the jobs count as stuck, the leader as gone, the leases as over.
	for _, sql := range []string{
		`UPDATE river_job SET attempted_at = attempted_at - interval '2 min' WHERE state = 'running'`,
		`DELETE FROM river_leader`,
		`UPDATE in_flight SET since = since - interval '2 min'`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if r := k.run("worker", "--drain"); r.code != 0 {
		t.Fatalf("the second worker: %s", r)
	}
	if n := count(`SELECT count(*) FROM audit_event WHERE final`); n != rows {
		t.Errorf("%d rows have a final event, want %d", n, rows)
	}
	if n := count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`); n != left {
		t.Errorf("%d rows are named as unknown, %d were in flight:\n%s", n, left, strings.Join(column(t, conn, `
			SELECT concat_ws(' ', worker, method, status, error, count(*)) FROM audit_event WHERE outcome = 'unknown' GROUP BY worker, method, status, error`), "\n"))
	}
	for _, r := range patches(k, root) {
		if n := count(`SELECT count(*) FROM audit_event WHERE client_request_id = $1`, r.ClientRequestID); n != 1 {
			t.Errorf("request %s has %d events", r.ClientRequestID, n)
		}
	}
	checkState(k, root, file)
	if show := k.ok("audit", "show", run); !strings.Contains(show.stdout, strconv.Itoa(left)) {
		t.Errorf("the %d unknown answers are not shown: %s", left, show)
	}
}

// enqueue is killed in the middle of its import: nothing of it is there.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	file := k.sample(60_000)
	conn := db.Conn(t)
	killed := false
	for attempt := range 5 {
		p := k.start(nil, "enqueue", "csv", file)
		k.until("the import is under way, or over", func() bool {
			var copying bool
			if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_progress_copy WHERE tuples_processed > $1)`, attempt*1000).Scan(&copying); err != nil {
				t.Fatal(err)
			}
			return copying || len(p.ended) > 0
		})
		if p.end(syscall.SIGKILL) == -1 {
			killed = true
			break
		}
		if _, err := conn.Exec(t.Context(), `DELETE FROM river_job; UPDATE run SET repeat = repeat + 1`); err != nil {
			t.Fatal(err)
		}
	}
	if !killed {
		t.Fatal("the import was over before it could be killed, five times")
	}
	k.until("the server has noticed", func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%enqueue%'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	before := len(runs(k))
	r := k.ok("enqueue", "csv", file)
	if !strings.Contains(r.stdout, "60,000 rows") || len(runs(k)) != before+1 {
		t.Errorf("the import after it: %s", r)
	}
	var broken int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM run WHERE NOT EXISTS (SELECT FROM run_count c WHERE c.run = id AND c.rows = 60000)`).Scan(&broken); err != nil || broken != 0 {
		t.Errorf("%d runs are not whole, %v", broken, err)
	}
}

// Two terminals without DATABASE_URL share one server, and an interrupt in either hurts nobody.
func TestEmbeddedServerIsShared(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.env["GRAPHPATCH_DATA_DIR"] = filepath.Join(k.dir, "postgres")
	root := k.simulator()
	k.ok("worker", "migrate")
	worker := k.start(nil, "worker")
	file := filepath.Join(repository(t), "examples", "statuses.csv")
	k.ok("enqueue", "csv", "--wait", file)
	server := filepath.Join(k.env["GRAPHPATCH_DATA_DIR"], "data", "postmaster.pid")
	if _, err := os.Stat(server); err != nil {
		t.Errorf("no server while a worker uses it: %v", err)
	}
	// An enqueue that waits for a tenant nobody works for is interrupted: its run stays, the worker goes on.
	waiting := k.start(nil, "enqueue", "csv", "--wait", "--tenant=22222222-2222-4222-8222-222222222222", file)
	k.until("enqueue waits", func() bool { return strings.Contains(waiting.stderr.String(), "0 of 40 rows settled") })
	if code := waiting.end(syscall.SIGINT); code != 1 || !strings.Contains(waiting.stderr.String(), "goes on") {
		t.Errorf("the interrupted enqueue ended with %d:\n%s", code, waiting.stderr)
	}
	// So does a second worker.
	run := enqueued(k, k.ok("enqueue", "csv", "--again", "--hold", "--output=json", file))
	interrupted := k.start(nil, "worker", "--listen=127.0.0.1:0")
	k.until("the second worker works", func() bool { return strings.Contains(interrupted.stderr.String(), "msg=working") })
	if code := interrupted.end(syscall.SIGINT); code != 0 {
		t.Errorf("the interrupted worker ended with %d:\n%s", code, interrupted.stderr)
	}
	k.ok("enqueue", "release", run)
	k.until("the released run is finished", func() bool { return runs(k)[0]["state"] == "finished" })
	if n := len(patches(k, root)); n != 80 {
		t.Errorf("Graph saw %d requests, want 80", n)
	}
	if code := worker.end(syscall.SIGINT); code != 0 {
		t.Errorf("the worker ended with %d:\n%s", code, worker.stderr)
	}
	if _, err := os.Stat(server); err == nil {
		t.Error("the server runs on after the last has left")
	}
}

func TestOldSchemaIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.env["DATABASE_URL"] = pgtest.New(t).URL // without River's tables
	k.simulator()
	for _, args := range [][]string{{"worker", "--drain"}, {"enqueue", "csv", filepath.Join(repository(t), "examples", "statuses.csv")}} {
		if r := k.run(args[0], args[1:]...); r.code != 1 || !strings.Contains(r.stderr, `run "worker migrate"`) {
			t.Errorf("%v: %s", args, r)
		}
	}
	k.ok("worker", "migrate")
	k.ok("worker", "--drain")
}

// The limit holds on the wire, and throttled answers cost no row anything.
func TestDrainUnderThrottling(t *testing.T) {
	t.Parallel()
	const rows = 300
	k, _ := newTestKit(t)
	root := k.simulator("--fault=429:2%", "--fault=503:2%", "--fault=504:1%", "--fault=reset:1%", "--fault-retry-after=0.3")
	file := k.sample(rows)
	k.ok("enqueue", "csv", file)
	k.ok("worker", "--drain")
	checkState(k, root, file)
	r := runs(k)[0]
	if number(t, r["applied"]) != rows || r["state"] != "finished" {
		t.Errorf("got %v", r)
	}
}

// A worker that is told to stop finishes what is in flight.
func TestTermFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	root := k.simulator("--latency=300ms")
	k.env["GRAPH_WRITE_LIMIT"] = "2000/20s"
	k.ok("enqueue", "csv", k.sample(1000))
	worker := k.start(nil, "worker")
	k.until("requests are under way", func() bool { return get[stats](k, root+"/_sim/stats")[0].InFlight > 5 })
	start := time.Now()
	if code := worker.end(syscall.SIGTERM); code != 0 {
		t.Errorf("ended with %d after %s:\n%s", code, time.Since(start), worker.stderr)
	}
	conn := db.Conn(t)
	var flying, events int
	if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM in_flight), (SELECT count(*) FROM audit_event WHERE final)`).Scan(&flying, &events); err != nil {
		t.Fatal(err)
	}
	if sent := len(patches(k, root)); flying != 0 || events != sent || sent == 1000 {
		t.Errorf("%d in flight, %d settled, %d sent", flying, events, sent)
	}
	k.ok("audit", "verify")
}

func TestVersionsAndUsage(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, name := range []string{"enqueue", "worker", "audit"} {
		if r := k.ok(name, "--version"); r.stdout != name+" v0.0.0-test\n" {
			t.Errorf("%s", r)
		}
	}
	k.env["AZURE_TENANT_ID"], k.env["GRAPH_ACCESS_TOKEN"] = "", ""
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"worker"}, "which tenant?"},
		{[]string{"worker", "--tenant=contoso"}, "neither a GUID nor a domain"},
		{[]string{"worker", "--tenant=" + tenant}, "no credentials for Graph: set one of"},
		{[]string{"worker", "--tenant=" + tenant, "--write-limit=fast"}, "100/20s"},
		{[]string{"worker", "--tenant=" + tenant, "--attempts=0"}, "--attempts 0: use 1 to 100"},
		{[]string{"enqueue", "csv", "nowhere.csv", "--tenant=" + tenant}, "no such file"},
		{[]string{"enqueue", "csv", "-", "--tenant=" + tenant, "--priority=7"}, "--priority 7: use 1 to 4"},
		{[]string{"enqueue", "csv", "-", "--tenant=" + tenant, "--hold", "--wait"}, "--hold and --wait"},
		{[]string{"enqueue", "csb"}, "csb"},
	} {
		if r := k.run(c.args[0], c.args[1:]...); r.code != 2 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%v: want exit code 2 and %q: %s", c.args, c.want, r)
		}
	}
}
