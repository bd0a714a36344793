package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/postgres/pgtest"
)

// What is wrong with the columns of a result, all at once, in the words of the file's faults.
func TestTypesThatDoNotFit(t *testing.T) {
	db := pgtest.New(t)
	cfg := returned(t, asking(t, db.URL, `SELECT n AS id, true AS "userDisplayName", now()::date AS "lastReportedDateTime", '2026-11-23 08:15:00'::timestamp AS seen,
		'{}'::json AS "userPrincipalName", gen_random_uuid() AS status, interval '1 day' AS "devicesCount", 1 AS route, 'kept' AS note FROM generate_series(1, 300) n`))
	cfg.Map = map[string]string{"nothing": "deviceConfigurationId"}
	name := cfg.Result.name
	want := strings.ReplaceAll(`DB: "nothing" is mapped, but no column has that name: the header has "id", "userDisplayName", "lastReportedDateTime", "seen", "userPrincipalName", "status", "devicesCount", "route", "note"
DB: has no column deviceConfigurationId: the header has "id", "userDisplayName", "lastReportedDateTime", "seen", "userPrincipalName", "status", "devicesCount", "route", "note"; use --map COLUMN=deviceConfigurationId
DB: column id: has the type integer: userStatusId takes a text; convert it in the query, or give the column another name
DB: column userDisplayName: has the type boolean: userDisplayName takes a text; convert it in the query, or give the column another name
DB: column lastReportedDateTime: has the type date: lastReportedDateTime takes a date and time; convert it in the query, or give the column another name
DB: column userPrincipalName: has the type json: userPrincipalName takes a text; convert it in the query, or give the column another name
DB: column status: has the type uuid: status takes a text; convert it in the query, or give the column another name
DB: column devicesCount: has the type interval: devicesCount takes a whole number; convert it in the query, or give the column another name
DB: column route: has the type integer: route takes a text; convert it in the query, or give the column another name
`, "DB", name)
	if diff := cmp.Diff(refused(t, cfg), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// A fault of a value names its row's number and its column, a second row of one target the first one.
func TestFaultsOfAResultNameTheRow(t *testing.T) {
	db := pgtest.New(t)
	query := asking(t, db.URL, `SELECT 'c' AS "deviceConfigurationId", u AS "userStatusId", d AS "devicesCount", l AS "lastReportedDateTime", x AS extra FROM (VALUES
		(1, 's1', 1.5, '2026-11-23 08:15:00'::timestamp, E'two\nlines'), (2, 's2', 3, 'infinity', NULL), (3, '..', 'NaN', NULL, NULL),
		(4, 's1', 2, '2026-03-29 02:30:00', 'a'), (5, 's5', NULL, NULL, NULL), (6, 's6', 1, '2026-10-25 02:30:00', NULL)) AS v(n, u, d, l, x) ORDER BY n`)
	zone, err := ParseZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	query.TimeZone = zone
	cfg := returned(t, query)
	name := cfg.Result.name
	want := strings.ReplaceAll(`DB: row 1, column devicesCount: "1.5" is no whole number: use digits only, -2147483648 to 2147483647
DB: row 2, column lastReportedDateTime: "infinity" is no date and time: years 1 to 9999, without infinity
DB: row 3, column userStatusId: ".." is a path step, not an id: use the id that Graph shows
DB: row 3, column devicesCount: "NaN" is no whole number: use digits only, -2147483648 to 2147483647
DB: row 4, column lastReportedDateTime: "2026-03-29 02:30:00" does not exist in Europe/Berlin: the clocks change; convert it in the query to a type with a zone
DB: row 5: asks for nothing: fill in at least one of devicesCount, lastReportedDateTime, or remove the row
DB: row 6, column lastReportedDateTime: "2026-10-25 02:30:00" happens twice in Europe/Berlin: the clocks change; convert it in the query to a type with a zone
`, "DB", name)
	if diff := cmp.Diff(refused(t, cfg), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// Rows of a result that are skipped come with their number.
func TestSkippedRowsOfAResult(t *testing.T) {
	db := pgtest.New(t)
	cfg := returned(t, asking(t, db.URL, `SELECT 'c' AS "deviceConfigurationId", u AS "userStatusId", s AS status FROM (VALUES
		(1, 's1', 'compliant'), (2, 's1', 'error'), (3, 's3', 'wrong'), (4, NULL, 'error'), (5, 's5', 'error')) AS v(n, u, s) ORDER BY n`))
	cfg.SkipInvalid = true
	var text strings.Builder
	var w *SkippedWriter
	cfg.OnSkip = func(b BadRow) error { return w.Write(b) }
	c := newCSV(t, cfg)
	sum := check(t, c)
	w = NewSkippedWriter(&text, sum)
	rows, err := collect(t, c, sum)
	if err != nil || w.Flush() != nil || len(rows) != 2 || rows[1].Number != 5 || rows[1].Line != 5 {
		t.Errorf("got %+v, %v", rows, err)
	}
	want := `deviceConfigurationId,userStatusId,status,row,fault
c,s1,error,2,"addresses the same status as an earlier row: row 1 does; remove one, or let the later one win with --on-duplicate last"
`
	if !strings.HasPrefix(text.String(), want) || !strings.Contains(text.String(), "c,s3,wrong,3,\"column status: ") || !strings.Contains(text.String(), "c,,error,4,\"column userStatusId: ") {
		t.Errorf("got\n%s", text.String())
	}
}

func TestAResultWithoutRows(t *testing.T) {
	db := pgtest.New(t)
	cfg := returned(t, asking(t, db.URL, `SELECT 'c' AS "deviceConfigurationId", 's' AS id, 'compliant' AS status WHERE false`))
	if got, want := refused(t, cfg), cfg.Result.name+": has no rows: the query found nothing\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// One column whose only cell is NULL is a row all the same, and a line end in a cell does not end it.
func TestNarrowAndOddResults(t *testing.T) {
	db := pgtest.New(t)
	cfg := returned(t, asking(t, db.URL, `SELECT id FROM (VALUES (1, 's1'), (2, NULL), (3, 's3')) AS v(n, id) ORDER BY n`))
	cfg.Set = map[string]string{"deviceConfigurationId": "c", "status": "error"}
	if got := refused(t, cfg); got != cfg.Result.name+": row 2: has only empty cells: leave such rows out of the query\n" {
		t.Errorf("got %q", got)
	}
	cfg = returned(t, asking(t, db.URL, `SELECT E's"\r\n,' || n AS ticket, 's' || n AS id FROM generate_series(1, 2) n`))
	cfg.Set = map[string]string{"deviceConfigurationId": "c", "status": "error"}
	sum, rows := load(t, cfg)
	if sum.Rows != 2 || sum.Encoding != "UTF-8" || rows[1].Number != 2 || rows[1].Line != 2 || !strings.HasSuffix(rows[1].Other[0], ",2") {
		t.Errorf("got %+v, %+v", sum, rows)
	}
	cfg = returned(t, asking(t, db.URL, `SELECT 's1' AS id, E'\x01' AS "?column?" UNION ALL SELECT 's2', E'\ufeff'`))
	cfg.Set = map[string]string{"deviceConfigurationId": "c", "status": "error"}
	if _, rows := load(t, cfg); rows[0].Other[0] != "\x01" || rows[1].Other[0] != "\ufeff" {
		t.Errorf("got %+v", rows)
	}
}
