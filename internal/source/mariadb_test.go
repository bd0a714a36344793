package source

import (
	"net/url"
	"strings"
	"testing"

	"graphpatch/internal/source/mariadbtest"
)

func mariadbReader(t *testing.T, server *mariadbtest.Server, password string) string {
	t.Helper()
	server.Exec(t, `CREATE DATABASE inventory CHARACTER SET utf8mb4; CREATE USER reader@'127.0.0.1' IDENTIFIED BY '`+password+`'; GRANT SELECT ON inventory.* TO reader@'127.0.0.1'`)
	return server.URL("reader", password, "inventory")
}

func TestMariaDB(t *testing.T) {
	server := mariadbtest.Start(t)
	const password = "p@ss/w:rd%#"
	address := mariadbReader(t, server, password)
	t.Run("types", func(t *testing.T) { mariadbTypes(t, server, address) })
	t.Run("refusals", func(t *testing.T) { mariadbRefusals(t, server, address, password) })
	t.Run("end", func(t *testing.T) { mariadbEnded(t, server, address) })
	t.Run("socket", func(t *testing.T) { mariadbSocket(t, server) })
}

// What comes is the same with parameters, when the server sends values in binary.
func mariadbTypes(t *testing.T, server *mariadbtest.Server, address string) {
	server.Exec(t, `SET GLOBAL time_zone = '+05:30'`) // of new sessions; it must not show
	server.Exec(t, `USE inventory; CREATE TABLE one (tiny tinyint(1), big bigint unsigned, price decimal(6,2), ratio float, wide double, yes bit(2),
		name varchar(10), fixed char(3), kind enum('a','b'), long_name longtext, raw binary(4), bytes blob, document json, day date, hour time, born year,
		at datetime(3), seen timestamp(3) NULL, noted timestamp NULL);
		SET time_zone = '+00:00';
		INSERT INTO one VALUES (1, 18446744073709551615, 3.5, 0.25, 1000, b'11', 'Zoë', 'x', 'b', '李雷', 'abc', 'abc', '{}', '2026-11-23', '08:15:00', 2026,
			'2026-11-23 08:15:00.250', '2026-11-23 08:15:00.250', '2026-11-23 08:15:00')`)
	all := []typed{
		{"tiny", "1", "TINYINT", wholeKind},
		{"big", "18446744073709551615", "UNSIGNED BIGINT", wholeKind},
		{"price", "3.50", "DECIMAL", fractionKind},
		{"ratio", "0.25", "FLOAT", fractionKind},
		{"wide", "1000", "DOUBLE", fractionKind},
		{"yes", "0x03", "BIT", oddKind},
		{"name", "Zoë", "VARCHAR", textKind},
		{"fixed", "x", "CHAR", textKind},
		{"kind", "b", "ENUM", textKind},
		{"long_name", "李雷", "TEXT", textKind},
		{"raw", "0x61626300", "BINARY", oddKind},
		{"bytes", "0x616263", "BLOB", oddKind},
		{"document", "{}", "TEXT", textKind},
		{"day", "2026-11-23", "DATE", oddKind},
		{"hour", "08:15:00", "TIME", oddKind},
		{"born", "2026", "YEAR", oddKind},
		{"at", "2026-11-23 08:15:00.250", "DATETIME", localKind},
		{"seen", "2026-11-23T08:15:00.25Z", "TIMESTAMP", instantKind},
		{"noted", "2026-11-23T08:15:00Z", "TIMESTAMP", instantKind},
		{"NULL", "", "NULL", textKind},
	}
	checkTypes(t, asking(t, address, " FROM one"), all)
	cfg := asking(t, address, " FROM one WHERE ? = 'x'")
	cfg.Parameters = []string{"x"}
	checkTypes(t, cfg, all)
}

func mariadbSocket(t *testing.T, server *mariadbtest.Server) {
	r := fetch(t, asking(t, "mysql://root@/mysql?socket="+url.QueryEscape(server.Socket()), "SELECT 1"))
	if r.name != "localhost/mysql" || textOf(t, r) != "1\n1\n" {
		t.Errorf("%s: %q", r.name, textOf(t, r))
	}
}

func mariadbRefusals(t *testing.T, server *mariadbtest.Server, address, password string) {
	server.Exec(t, `USE inventory; CREATE TABLE kept (n int); CREATE PROCEDURE one() SELECT 7 AS n; CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END;
		CREATE PROCEDURE none() SET @a = 1; CREATE DATABASE hidden; CREATE TABLE hidden.secret (n int)`)
	server.Exec(t, `GRANT ALL ON inventory.* TO reader@'127.0.0.1'`) // it is not for lack of rights that nothing is written
	wrong := with(t, address, func(u *url.URL) { u.User = url.UserPassword("reader", password+"x") })
	checkRefusals(t, address, password, []refusal{
		{"  ", nil, "the query is empty", true},
		{strings.Repeat("-", MaxQuery+1), nil, "the query is longer than 64 KiB", true},
		{"SELECT '\xff'", nil, "the query is not valid UTF-8", true},
		{"SELEKT 1", nil, "You have an error in your SQL syntax", true},
		{"SELECT nothing FROM kept", nil, "Unknown column 'nothing'", true},
		{"SELECT 1; SELECT 2", nil, "You have an error in your SQL syntax", true},
		{"SET @a = 1", nil, "the query returns no rows", true},
		{"CALL none()", nil, "the query returns no rows", true},
		{"CALL two()", nil, "the query returns more than one table", true},
		{"SELECT if(seq = 2, repeat('x', 1050000), 'x') FROM seq_1_to_2000000000", nil, "row 2 is longer than 1 MiB", true}, // the others are not waited for
		{"INSERT INTO kept VALUES (1)", nil, "the query would write", true},
		{"INSERT INTO kept VALUES (1) RETURNING n", nil, "the query would write", true},
		{"DROP TABLE kept", nil, "the query would write", true},
		{"SELECT * FROM hidden.secret", nil, "the user \"reader\" has no right to that", false},
		{"SELECT ?, ?", func(cfg *QueryConfig) { cfg.Parameters = []string{"1"} }, "the query takes 2 of --param, 1 given", true},
		{"SELECT repeat('x', 1050000)", nil, "row 1 is longer than 1 MiB", true},
		{"SELECT seq, sleep(0.2) FROM information_schema.columns", short, "Unknown column", true},
		{"SELECT sleep(0.2) FROM information_schema.columns", short, "the query took longer than 1s; --query-timeout allows more", false},
		{"SELECT 1", at(t, wrong), "the server refuses the user \"reader\" or the password", false},
		{"SELECT 1", at(t, with(t, address, func(u *url.URL) { u.Path = "/elsewhere" })), "the server", false},
		{"SELECT 1", at(t, with(t, address, func(u *url.URL) { u.Host = "127.0.0.1:1" })), "the database cannot be reached", false},
	})
	if text := textOf(t, fetch(t, asking(t, address, "CALL one()"))); text != "n\n7\n" {
		t.Errorf("of a procedure: %q", text)
	}
	if text := textOf(t, fetch(t, asking(t, address, "SELECT count(*) FROM kept"))); text != "count(*)\n0\n" {
		t.Errorf("something was written: %q", text)
	}
}
