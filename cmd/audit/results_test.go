package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/audit"
	"graphpatch/internal/postgres/pgtest"
)

// fromFile makes the run of written one of a file.
func fromFile(t *testing.T, p program, note string) {
	t.Helper()
	conn := (&pgtest.DB{URL: p.url}).Conn(t)
	if _, err := conn.Exec(t.Context(), `UPDATE run SET source = $1`, note); err != nil {
		t.Fatal(err)
	}
}

const plainNote = `{"encoding": "UTF-8", "delimiter": ";", "header": ["Kennung", "upn", "n"], "columns": ["userStatusId", "userPrincipalName", "devicesCount"],
	"skipped": 2, "set": {"deviceConfigurationId": "c'1"}, "emptyAs": "null", "style": {"lineEnd": "\n"}}`

const added = "graphpatch_row;graphpatch_line;graphpatch_outcome;graphpatch_http_status;graphpatch_error_code;graphpatch_error_message;" +
	"graphpatch_request_id;graphpatch_attempts;graphpatch_before;graphpatch_after;graphpatch_settled_at\n"

const rejectedRow = "s2;\"eve\x1b[2J\n@contoso.com\";1;2;3;rejected;403;Forbidden;<not> \x1b]0;for you\a;r2;1;;{?\x1b};2026-11-23T10:00:02Z\n"

func TestResultsProgram(t *testing.T) {
	p, run := written(t)
	fromFile(t, p, plainNote)
	dir := t.TempDir()
	file := filepath.Join(dir, "results.csv")
	number := fmt.Sprint(run)
	const chain = "The chain of the run ends at commit 3, digest e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
	const again = "To enqueue it again it takes --map Kennung=userStatusId --map upn=userPrincipalName --map n=devicesCount " +
		`--set 'deviceConfigurationId=c'\''1' --empty-as null` + "\n"
	whole := "Kennung;upn;n;" + added +
		"s1;;0;1;2;applied;204;;;r1;1;;;2026-11-23T10:00:01Z\n" +
		strings.Replace(rejectedRow, "<not> \x1b]0;for you\a", "\"<not> \x1b]0;for you\a\"", 1) +
		"s3;;2;3;4;open;;;;;0;;;\ns4;;3;4;5;open;;;;;0;;;\n"

	stdout, stderr, code := p.execute("results", number, "-o", file)
	if code != 0 || stdout != "" || stderr != file+": 4 rows of 4; 2 rows of the file were skipped when it was enqueued\n"+chain+again {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), whole); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	// It is never replaced unasked.
	if _, stderr, code := p.execute("results", number, "-o", file); code != 2 || !strings.Contains(stderr, "the file exists") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if _, stderr, code := p.execute("results", number, "-o", file, "--force", "--outcome", "cancelled,superseded"); code != 0 || !strings.Contains(stderr, ": 0 rows of 4;") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "Kennung;upn;n;"+added {
		t.Errorf("got %q, %v", got, err)
	}
	if stdout, _, code := p.execute("results", number, "-o", "-", "--outcome=applied", "--outcome=open"); code != 0 || strings.Count(stdout, "\n") != 4 {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestResultsRefused(t *testing.T) {
	p, run := written(t)
	dir := t.TempDir()
	number := fmt.Sprint(run)
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{number}, 2, "--output"},
		{[]string{"7", "-o", "-"}, 2, "no run number"},
		{[]string{"202611000099", "-o", filepath.Join(dir, "no.csv")}, 1, "no such run"},
		{[]string{number, "-o", filepath.Join(dir, "no.csv")}, 1, "from no file"},
		{[]string{number, "-o", "-", "--outcome", "rejectd"}, 2, "write rejected"},
		{[]string{number, "-o", "-", "--outcome", "applied,throttled"}, 2, "applied, rejected, failed, unchanged, superseded, moved, missing, open, cancelled"},
		{[]string{number, "-o", dir, "--force"}, 2, "that is no file"},
		{[]string{number, "-o", filepath.Join(dir, "link"), "--force"}, 2, "that is no file"},
		{[]string{number, "-o", filepath.Join(dir, "no", "such", "folder.csv")}, 2, "no such file"},
	} {
		if stdout, stderr, code := p.execute(append([]string{"results"}, c.args...)...); code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit code %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
	// A note that nobody can write a file by is found before anything is at the place.
	fromFile(t, p, `{"encoding": "EBCDIC", "delimiter": ";", "header": ["id"], "columns": ["userStatusId"], "style": {"lineEnd": "\n"}}`)
	if _, stderr, code := p.execute("results", number, "-o", filepath.Join(dir, "no.csv")); code != 1 || !strings.Contains(stderr, `"EBCDIC" is unknown`) {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestHarmless(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "a": "a", "a=1": "a=1", "-5": "-5", "+1,5": "+1,5", "12": "12", "T-1": "T-1", "'=1": "'=1", "\ufffd": "\ufffd",
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a",
		"  =1": "'  =1", "\u00a0=1": "'\u00a0=1", "\u200b=1": "'\u200b=1", "\t=1": "'\t=1", "\ta": "'\ta", "\ra": "'\ra", "\n-": "'\n-", "-": "'-",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}

// Without the flag a formula comes back as it came; with it, none is left in any cell, of the file's own or added.
func TestFormulasBothWays(t *testing.T) {
	p, run := written(t)
	note := strings.NewReplacer(`"upn"`, `"=upn"`, ";", ",").Replace(plainNote)
	fromFile(t, p, note)
	conn := (&pgtest.DB{URL: p.url}).Conn(t)
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`UPDATE status_update SET user_principal_name = '=cmd|'' /C calc''!A0' WHERE row = 2`,
		`UPDATE audit_event SET error = '@SUM(A1)', request_id = '-2+3' WHERE row = 2`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for flag, want := range map[string][]string{
		"--outcome=rejected": {"Kennung,=upn,n,", "s2,=cmd|' /C calc'!A0,1,", ",403,,@SUM(A1),-2+3,"},
		"--spreadsheet-safe": {`Kennung,"'=upn",n,`, `s2,"'=cmd|' /C calc'!A0",1,`, `,403,,"'@SUM(A1)","'-2+3",`},
	} {
		stdout, _, code := p.execute("results", fmt.Sprint(run), "-o", "-", flag)
		for _, w := range want {
			if code != 0 || !strings.Contains(stdout, w) {
				t.Errorf("%s: there is no %q in %q", flag, w, stdout)
			}
		}
	}
}

// Whatever a service said, the cells that are added can be read again.
func TestAddedCells(t *testing.T) {
	status := 400
	for said, want := range map[string][2]string{
		"BadRequest: no: really": {"BadRequest", "no: really"},
		"BadRequest":             {"BadRequest", ""},
		"no complete answer":     {"", "no complete answer"},
		"a\x00b\ufffd\xff":       {"", "a?b??"},
	} {
		if code, message := splitError(&audit.Result{Status: &status, Error: said}); code != want[0] || message != want[1] {
			t.Errorf("%q: got %q, %q", said, code, message)
		}
	}
	if code, message := splitError(&audit.Result{Error: "timeout: no answer"}); code != "" || message != "timeout: no answer" {
		t.Errorf("without an answer: %q, %q", code, message)
	}
	for body, want := range map[string]string{
		"": "", "{}": "{}", "null": "null", "<p>": "<p>", "{\n \"error\": {\"code\": \"x\"}\n}": `{"error":{"code":"x"}}`,
		`{"@odata.context": "x", "id": "s1", "userPrincipalName": null, "status": "<&>", "devicesCount": 3}`: `{"devicesCount":3,"status":"<&>","userPrincipalName":null}`,
	} {
		if got := values([]byte(body)); got != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
	if long := cell(strings.Repeat("ä", maxCell)); len(long) > maxCell+len("…") || !strings.HasSuffix(long, "ä…") {
		t.Errorf("%d bytes, ends with %q", len(long), long[len(long)-10:])
	}
}
