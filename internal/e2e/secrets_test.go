package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// secrets are what the programs work with and must write down nowhere, by their names.
type secrets map[string]string

// aToken is what the simulated login service gives out: a signed JSON web token.
var aToken = regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]+\.[\w-]+`)

// in names the secrets that stand in a text: as they are, as in a URL, or as in Authorization: Basic.
func (s secrets) in(text string) (names []string) {
	for name, secret := range s {
		for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(text, form) {
				names = append(names, name)
				break
			}
		}
	}
	if aToken.MatchString(text) {
		names = append(names, "a token")
	}
	slices.Sort(names)
	return names
}

// everyTable is all that the database holds, as text.
func everyTable(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var all strings.Builder
	for _, table := range column(t, conn, `
		SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`) {
		all.WriteString(table + "\n")
		// Bodies and headers are bytea, which text shows as hexadecimal digits.
		rows := column(t, conn, `SELECT t::text FROM `+table+` t`)
		if strings.HasPrefix(table, "audit_event_") {
			rows = append(rows, column(t, conn, `
				SELECT concat_ws(E'\n', encode(request_body, 'escape'), encode(response_headers, 'escape'), encode(response_body, 'escape')) FROM `+table)...)
		}
		all.WriteString(strings.Join(rows, "\n") + "\n")
	}
	return all.String()
}

// everyFile is all that lies in a folder, by path.
func everyFile(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// said runs a program with those arguments and returns all it says, whatever its exit code.
func (k *kit) said(name string, args ...string) string {
	k.tb.Helper()
	r := k.run(name, args...)
	return r.String()
}

// The main job, its faults and its help, with secrets that can be recognised: nothing of them is written anywhere but to
// where the user put it.
func TestSecretsAreWrittenNowhere(t *testing.T) {
	t.Parallel()
	k, db := newTestKit(t)
	known := secrets{"client secret": "client-" + rand.Text(), "database password": "database-" + rand.Text()}
	everything := "dialing postgres://u:" + known["database password"] + "@h: client_secret=" + known["client secret"] + " Bearer eyJ0eXAiOiJKV1Qi.eyJhdWQi.c2ln"
	if names := known.in(everything); len(names) != 3 {
		t.Fatalf("of what is to be found only %v is", names)
	}
	user := member(t, db, "graphpatch_worker", "graphpatch_enqueue", "graphpatch_audit").Config().User
	owner := db.Conn(t)
	k.exec(owner, `ALTER USER `+user+` PASSWORD '`+known["database password"]+`'`)
	root := k.simulatorWithLogin("--login-secret="+known["client secret"], "--fault=429-bare:first=1", "--fault=404:status=gone", "--fault=expired:status=late:first=1")
	good := asUser(t, db.URL, user, known["database password"])
	k.env["DATABASE_URL"], k.env["AZURE_CLIENT_SECRET"] = good, known["client secret"]

	var said strings.Builder
	file := k.write("users.csv", "deviceConfigurationId,id,status\nc,here,compliant\nc,gone,compliant\nc,late,compliant\n")
	tell := func(name string, args ...string) { said.WriteString(k.said(name, args...)) }
	tell("worker", "check")
	tell("enqueue", "csv", "--skip-invalid="+filepath.Join(k.dir, "bad.csv"), file)
	tell("enqueue", "csv", file)
	worker := k.start(&output{}, "worker", "--log-format=json", "--listen=unix:"+filepath.Join(k.dir, "worker.sock"))
	k.until("the run is over", func() bool { return runs(k)[0]["state"] == "finished" })
	if code := worker.end(syscall.SIGQUIT); code != 2 { // as for a dump of all its goroutines
		t.Errorf("the worker ended with %d", code)
	}
	said.WriteString(worker.stderr.String())
	run := enqueued(k, k.run("enqueue", "csv", "--again", "--output=json", file))
	tell("worker", "--drain")
	tell("audit", "show", run, "--output=json")
	tell("audit", "events", "--run="+run, "--bodies", "--output=json")
	tell("worker", "check", "--help")
	tell("enqueue", "csv", "--help")
	k.faultySettings(tell, known, user, db.URL)
	if logins := get[login](k, root+"/_sim/logins"); len(logins) < 3 {
		t.Errorf("%d logins: the secret was hardly used", len(logins))
	}

	check := func(where, text string) {
		if names := known.in(text); len(names) > 0 {
			t.Errorf("%s: %s", where, strings.Join(names, ", "))
		}
	}
	for i, line := range strings.Split(said.String(), "\n") {
		if names := known.in(line); len(names) > 0 {
			t.Errorf("line %d of what was said has %v: %s", i+1, names, line)
		}
	}
	tables := everyTable(t, owner)
	for _, one := range []string{`"status":"compliant"`, "Request-Id: ", "ResourceNotFound", "tenant_", file} {
		if !strings.Contains(tables, one) {
			t.Errorf("the tables were not read: %q is nowhere", one)
		}
	}
	check("the database", tables)
	for path, text := range everyFile(t, k.dir) {
		check(path, text)
	}
}

// faultySettings has the programs fail over their settings, which hold the secrets.
func (k *kit) faultySettings(tell func(string, ...string), known secrets, user, base string) {
	k.tb.Helper()
	good := k.env["DATABASE_URL"]
	password := known["database password"]
	for _, address := range []string{
		strings.Replace(good, password, password+"@/wrong", 1), // unescaped
		strings.Replace(good, password, password+"%zz", 1),
		asUser(k.tb, base, user, password+"-wrong"),
		"postgres://" + user + ":" + password + "@127.0.0.1:1/nowhere",
		"postgres://" + user + ":" + password + "@127.0.0.1:port/nowhere",
		"host=127.0.0.1 port=1 user=" + user + " password=" + password,
		"host=127.0.0.1 port=none user=" + user + " password=" + password,
		good + "&sslmode=" + "odd",
		good + "&no_such_setting=1",
	} {
		k.env["DATABASE_URL"] = address
		tell("audit", "runs")
	}
	k.env["DATABASE_URL"] = good
	for name, value := range map[string]string{
		"HTTPS_PROXY":         "http://proxy:" + known["client secret"] + "@127.0.0.1:1",
		"AZURE_CLIENT_SECRET": known["client secret"] + "-wrong", "AZURE_AUTHORITY_HOST": "https://127.0.0.1:1", "GRAPH_TIMEOUT": "soon",
		"GRAPH_BASE_URL": "https://" + user + ":" + known["client secret"] + "@127.0.0.1:1/odd?x=" + known["client secret"],
	} {
		before := maps.Clone(k.env)
		k.env[name] = value
		if name == "HTTPS_PROXY" {
			k.env["AZURE_AUTHORITY_HOST"] = "https://login.invalid" // one on this machine is spoken to without a proxy
		}
		tell("worker", "check")
		k.env = before
	}
}
