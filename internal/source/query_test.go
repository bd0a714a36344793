package source

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres/pgtest"
)

// asking is a query of a server, to be changed by a test.
func asking(t testing.TB, address, query string) QueryConfig {
	t.Helper()
	a, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return QueryConfig{Address: a, Text: query, Timeout: time.Minute, TempDir: t.TempDir()}
}

func fetch(t testing.TB, cfg QueryConfig) *Result {
	t.Helper()
	r, err := Fetch(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// returned is the config of a source of what a query returns.
func returned(t testing.TB, cfg QueryConfig) CSVConfig {
	t.Helper()
	return CSVConfig{Result: fetch(t, cfg), Tenant: contoso, TempDir: t.TempDir()}
}

func textOf(t testing.TB, r *Result) string {
	t.Helper()
	file, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// typed is one column of each type, what comes of it, and what it can be read as.
type typed struct {
	sql  string
	text string
	name string
	kind kind
}

// checkTypes asks for all of them in one row; the query of cfg is the rest of it.
func checkTypes(t *testing.T, cfg QueryConfig, all []typed) {
	t.Helper()
	var columns, texts []string
	var want []column
	for i, c := range all {
		name := "c" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		columns, texts = append(columns, c.sql+" AS "+name), append(texts, c.text)
		want = append(want, column{name: name, typeName: c.name, kind: c.kind})
	}
	cfg.Text = "SELECT " + strings.Join(columns, ", ") + cfg.Text
	r := fetch(t, cfg)
	if diff := cmp.Diff(r.columns, want, cmp.AllowUnexported(column{})); diff != "" {
		t.Errorf("types (-got +want):\n%s", diff)
	}
	records, err := csv.NewReader(strings.NewReader(textOf(t, r))).ReadAll()
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if diff := cmp.Diff(records[1], texts); diff != "" {
		t.Errorf("values (-got +want):\n%s", diff)
	}
}

func TestPostgresTypes(t *testing.T) {
	db := pgtest.New(t)
	conn := db.Conn(t)
	if _, err := conn.Exec(t.Context(), `CREATE TYPE mood AS ENUM ('happy'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN short AS varchar(9)`); err != nil {
		t.Fatal(err)
	}
	// The database's own settings must not show in what comes.
	if _, err := conn.Exec(t.Context(), `ALTER DATABASE `+pgx.Identifier{db.Name}.Sanitize()+` SET TimeZone = 'Asia/Kolkata'`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `ALTER DATABASE `+pgx.Identifier{db.Name}.Sanitize()+` SET DateStyle = 'German'`); err != nil {
		t.Fatal(err)
	}
	all := []typed{
		{`'a"b'::text`, `a"b`, "text", textKind},
		{`NULL`, "", "text", textKind},
		{`''::text`, "", "text", textKind},
		{`'x'::varchar(4)`, "x", "character varying", textKind},
		{`'x'::char(3)`, "x  ", "character", textKind},
		{`'x'::short`, "x", "character varying", textKind},
		{`'happy'::mood`, "happy", "mood", textKind},
		{`(1, 'x')::pair`, "(1,x)", "pair", oddKind},
		{`'{happy}'::mood[]`, "{happy}", "mood[]", oddKind},
		{`3::smallint`, "3", "smallint", wholeKind},
		{`2147483648`, "2147483648", "bigint", wholeKind},
		{`3.50`, "3.50", "numeric", fractionKind},
		{`0.1::float4`, "0.1", "real", fractionKind},
		{`1e3::float8`, "1000", "double precision", fractionKind},
		{`true`, "t", "boolean", oddKind},
		{`'\xdeadbeef'::bytea`, `\xdeadbeef`, "bytea", oddKind},
		{`'2026-11-23'::date`, "2026-11-23", "date", oddKind},
		{`'2026-11-23 08:15:00.250'::timestamp`, "2026-11-23 08:15:00.25", "timestamp without time zone", localKind},
		{`'2026-11-23 08:15:00+05:30'::timestamptz`, "2026-11-23T02:45:00Z", "timestamp with time zone", instantKind},
		{`'2026-11-23 08:15:00.100+00'::timestamptz`, "2026-11-23T08:15:00.1Z", "timestamp with time zone", instantKind},
		{`'infinity'::timestamptz`, "infinity", "timestamp with time zone", instantKind},
		{`'0044-03-15 00:00:00+00 BC'::timestamptz`, "0044-03-15 00:00:00+00 BC", "timestamp with time zone", instantKind},
		{`'a81bc81b-dead-4e5d-abff-90865d1e13b1'::uuid`, "a81bc81b-dead-4e5d-abff-90865d1e13b1", "uuid", uuidKind},
		{`'{"a": 1}'::jsonb`, `{"a": 1}`, "jsonb", oddKind},
		{`'{1,2}'::int[]`, "{1,2}", "integer[]", oddKind},
		{`'1 day'::interval`, "P1D", "interval", oddKind},
	}
	checkTypes(t, asking(t, db.URL, ""), all)
}

// refusal is a query that brings nothing, and what is said of it.
type refusal struct {
	query  string
	change func(*QueryConfig)
	says   string
	fault  bool // of the query
}

// checkRefusals wants each to be refused with a word that nobody's password is in, and no file to be left.
func checkRefusals(t *testing.T, address, password string, all []refusal) {
	t.Helper()
	for _, c := range all {
		cfg := asking(t, address, c.query)
		if c.change != nil {
			c.change(&cfg)
		}
		r, err := Fetch(t.Context(), cfg)
		if err == nil {
			t.Errorf("%s: it was done", c.query)
			_ = r.Close()
			continue
		}
		e, ok := errors.AsType[*QueryError](err)
		if !ok || !strings.HasPrefix(err.Error(), cfg.Address.String()+": "+c.says) || e.Query != c.fault {
			t.Errorf("%s: got %q (the query's fault: %v), want %q", c.query, err, ok && e.Query, c.says)
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the password stands in %q", c.query, err)
		}
		if left, err := os.ReadDir(cfg.TempDir); err != nil || len(left) != 0 {
			t.Errorf("%s: left behind: %v, %v", c.query, left, err)
		}
	}
}

// at is another address for a query.
func at(t testing.TB, address string) func(*QueryConfig) {
	return func(cfg *QueryConfig) { cfg.Address = asking(t, address, "").Address }
}

// with changes an address.
func with(t testing.TB, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func short(cfg *QueryConfig) { cfg.Timeout = time.Second }

func TestRowsAreTold(t *testing.T) {
	db := pgtest.New(t)
	cfg := asking(t, db.URL, "SELECT n FROM generate_series(1, 2500) n")
	var got []int
	cfg.OnRows = func(rows int) { got = append(got, rows) }
	fetch(t, cfg)
	if diff := cmp.Diff(got, []int{1000, 2000}); diff != "" {
		t.Error(diff)
	}
}

func TestPostgresRefusals(t *testing.T) {
	db := pgtest.New(t)
	conn := db.Conn(t)
	role := "graphpatch_source_" + strings.ToLower(db.Name[len(db.Name)-8:])
	const password = "p@ss/w:rd%#"
	ctx := context.WithoutCancel(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept (n int); CREATE TABLE hidden (n int); CREATE USER `+role+` PASSWORD '`+password+`'; GRANT ALL ON kept TO `+role+`; GRANT CREATE ON SCHEMA public TO `+role); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(ctx, `DROP OWNED BY `+role+`; DROP ROLE `+role); err != nil {
			t.Error(err)
		}
	})
	address := with(t, db.URL, func(u *url.URL) { u.User = url.UserPassword(role, password) })
	checkRefusals(t, address, password, []refusal{
		{"\n", nil, "the query is empty", true},
		{"SELECT 1,\n  ü FORM kept", nil, "line 2, column 10 of the query: syntax error at or near \"kept\"", true},
		{"SELECT nothing FROM kept", nil, "line 1, column 8 of the query: column \"nothing\" does not exist", true},
		{"SELECT 1; SELECT 2", nil, "cannot insert multiple commands", true},
		{"COMMIT", nil, "the query returns no rows", true},
		{"SET search_path = public", nil, "the query returns no rows", true},
		{"INSERT INTO kept VALUES (1)", nil, "the query returns no rows", true},
		{"INSERT INTO kept VALUES (1) RETURNING n", nil, "the query would write, but is only to read: cannot execute INSERT in a read-only transaction", true},
		{"SELECT nextval('n')", nil, "line 1, column 16 of the query: relation \"n\" does not exist", true},
		{"SELECT * FROM hidden", nil, "the user \"" + role + "\" has no right to that: permission denied for table hidden", false},
		{"SELECT $1::int, $2::int", func(cfg *QueryConfig) { cfg.Parameters = []string{"1"} }, "the query takes 2 of --param, 1 given", true},
		{"SELECT $1::int", func(cfg *QueryConfig) { cfg.Parameters = []string{"many"} }, "invalid input syntax for type integer: \"many\"", true},
		{`SELECT 1 AS "` + "\x1b[2J" + `" WHERE "` + "\x1b]8;;x\a\u202e" + `" = 1`, nil, "line 1, column 26 of the query: column \"�]8;;x��\" does not exist", true},
		{"SELECT 1/(n-3) FROM generate_series(1, 5) n", nil, "division by zero", true},
		{"SELECT repeat('x', 1050000)", nil, "row 1 is longer than 1 MiB", true},
		{"SELECT repeat('x', 40000000)", nil, "a row has 40000006 bytes, more than can be read", true},
		{"SELECT pg_sleep(60)", short, "the query took longer than 1s; --query-timeout allows more", false},
		{"SELECT 1", at(t, "postgres://127.0.0.1:1/inventory"), "the database cannot be reached", false},
		{"SELECT 1", at(t, with(t, address, func(u *url.URL) { u.User = url.UserPassword(role, password+"x") })), "the server refuses the user \"" + role + "\" or the password", false},
		{"SELECT 1", at(t, with(t, address, func(u *url.URL) { u.Path = "/elsewhere" })), "the server says: database \"elsewhere\" does not exist", false},
	})
	if text := textOf(t, fetch(t, asking(t, address, "SELECT count(*) FROM kept"))); text != "count\n0\n" {
		t.Errorf("something was written: %q", text)
	}
}
