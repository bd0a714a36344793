package e2e

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// columnOf is a column of a CSV with semicolons, by its name; the header is left out.
func columnOf(t testing.TB, text []byte, name string) (cells []string) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = ';'
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(records[0], name)
	if at < 0 {
		t.Fatalf("there is no column %s in %q", name, records[0])
	}
	for _, record := range records[1:] {
		cells = append(cells, record[at])
	}
	return cells
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A person's way out of a bad file: 300 of 5,000 rows are rejected for three causes; their rows come back as a file, are
// corrected, and go through, without a flag.
func TestRejectedRowsAreCorrectedAndEnqueuedAgain(t *testing.T) {
	t.Parallel()
	const rows, each = 5000, 100
	k, _ := newTestKit(t)
	var file, script strings.Builder
	causes := map[string]string{"403": "Forbidden", "404": "ResourceNotFound", "301": ""} // a redirect has no error of Graph's
	for kind := range causes {
		fmt.Fprintf(&script, "- match: {method: PATCH, configuration: 'wrong-%s'}\n  answers: ['%s']\n  times: %d\n", kind, kind, each)
	}
	root := k.simulator("--script=" + k.write("script.yaml", script.String()))
	file.WriteString("\"ticket\";\"deviceConfigurationId\";\"userStatusId\";\"status\"\r\n")
	wrong := map[int]string{}
	for i := range rows {
		configuration := "right"
		if n := i / 10; i%10 == 5 && n < len(causes)*each {
			configuration = "wrong-" + []string{"403", "404", "301"}[n%3]
			wrong[i+2] = configuration
		}
		fmt.Fprintf(&file, "\"T%d; \"\"x\"\"\";\"%s\";\"u%d\";\"compliant\"\r\n", i, configuration, i)
	}
	run := enqueued(k, k.ok("enqueue", "csv", "--max-failures=100%", "--output=json", k.write("users.csv", file.String())))
	says(t, k.run("worker", "--drain"), 3)
	again := filepath.Join(k.dir, "again.csv")
	says(t, k.ok("audit", "results", run, "--outcome", "rejected,failed", "-o", again), 0, "300 rows of 5,000")
	text := readFile(t, again)
	codes, statuses, lines := columnOf(t, text, "graphpatch_error_code"), columnOf(t, text, "graphpatch_http_status"), columnOf(t, text, "graphpatch_line")
	if len(codes) != len(wrong) {
		t.Fatalf("%d rows, want %d", len(codes), len(wrong))
	}
	for i, configuration := range columnOf(t, text, "deviceConfigurationId") {
		if line, err := strconv.Atoi(lines[i]); err != nil || wrong[line] != configuration {
			t.Errorf("line %s is of %s, want %s", lines[i], configuration, wrong[line])
		}
		if want := strings.TrimPrefix(configuration, "wrong-"); statuses[i] != want || codes[i] != causes[want] {
			t.Errorf("%s: status %q, error code %q, want %q", configuration, statuses[i], codes[i], causes[want])
		}
	}
	// As it is, it loads without a flag; what it asks for is what was refused.
	dry := k.ok("enqueue", "csv", "--dry-run", again)
	says(t, dry, 0, "300 rows")
	if dry.stderr != "" {
		t.Errorf("the added columns are taken for something: %s", dry.stderr)
	}
	corrected := regexp.MustCompile(`"wrong-\w+"`).ReplaceAll(text, []byte(`"right"`))
	next := enqueued(k, k.ok("enqueue", "csv", "--output=json", k.write("corrected.csv", string(corrected))))
	says(t, k.ok("worker", "--drain"), 0)
	says(t, k.ok("audit", "results", next, "--outcome", "applied", "-o", "-"), 0, "300 rows of 300")
	reached := map[string]bool{}
	for _, r := range patches(k, root) {
		if r.Status == 200 {
			reached[r.Path] = true
		}
	}
	if len(reached) != rows {
		t.Errorf("%d statuses were changed, want %d", len(reached), rows)
	}
	// The second time round the columns of the first are the file's own.
	says(t, k.ok("audit", "results", next, "-o", filepath.Join(k.dir, "twice.csv")), 0, "300 rows of 300")
	twice := readFile(t, filepath.Join(k.dir, "twice.csv"))
	if got := columnOf(t, twice, "graphpatch_outcome"); slices.Contains(got, "applied") {
		t.Error("the file's own outcomes are lost")
	}
	if got := columnOf(t, twice, "graphpatch_outcome_2"); slices.ContainsFunc(got, func(o string) bool { return o != "applied" }) {
		t.Errorf("outcomes %q", got)
	}
}

// A file that was enqueued with flags needs them again: they are told in a form that can be pasted into a shell.
func TestResultsTellTheFlags(t *testing.T) {
	t.Parallel()
	k, _ := newTestKit(t)
	k.simulator()
	file := k.write("users.csv", "Kennung,Wer ist's,note\nu1,ada,x\nu2,,y\nu1,eve,z\n")
	flags := []string{
		"--map", "Kennung=userStatusId", "--map", "Wer ist's=userDisplayName", "--set", "deviceConfigurationId=c 'n' 1", "--set", "devicesCount=3",
		"--empty-as", "null", "--on-duplicate", "last",
	}
	run := enqueued(k, k.ok("enqueue", append([]string{"csv", "--output=json", file}, flags...)...))
	says(t, k.ok("worker", "--drain"), 0)
	again := filepath.Join(k.dir, "again.csv")
	_, told, found := strings.Cut(k.ok("audit", "results", run, "-o", again).stderr, "To enqueue it again it takes ")
	if !found {
		t.Fatal("no flags are told")
	}
	records, err := csv.NewReader(bytes.NewReader(readFile(t, again))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ outcome, after string }{
		{"superseded", ""}, {"applied", `{"userDisplayName":null,"devicesCount":3,`}, {"applied", `{"userDisplayName":"eve","devicesCount":3,`},
	} {
		if got := records[i+1]; got[5] != want.outcome || !strings.HasPrefix(got[12], want.after) || (got[12] == "") != (want.after == "") {
			t.Errorf("row %d: got %q, want %q", i+1, got, want)
		}
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", filepath.Join(k.bin, "enqueue")+" csv "+again+" "+told)
	shell.Env = k.environ()
	// The same flags make the same content of it.
	says(t, k.finish(shell), 2, "the same content was enqueued as run "+run)
}
