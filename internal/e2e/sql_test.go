package e2e

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres/pgtest"
	"graphpatch/internal/source/mariadbtest"
)

// inventory is somebody's database, with the address of a user who may only read it.
type inventory struct {
	url    string
	secret string // the user's password
	exec   func(sql string)
}

func postgresInventory(t *testing.T) inventory {
	t.Helper()
	db := pgtest.New(t)
	conn := db.Conn(t)
	user := member(t, db).Config().User
	secret := "p@ss/w:rd%#" + rand.Text()
	ctx := context.WithoutCancel(t.Context()) // the user is dropped at the test's end
	i := inventory{url: asUser(t, db.URL, user, secret), secret: secret, exec: func(sql string) {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%v\n%.500s", err, sql)
		}
	}}
	i.exec(`ALTER USER ` + user + ` PASSWORD '` + secret + `'; CREATE SCHEMA inventory; GRANT USAGE ON SCHEMA inventory TO ` + user +
		`; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ` + user + `; ALTER USER ` + user + ` SET search_path = inventory; SET search_path = inventory`)
	t.Cleanup(func() { i.exec(`DROP OWNED BY ` + user) })
	return i
}

func mariadbInventory(t *testing.T) inventory {
	t.Helper()
	server := mariadbtest.Start(t)
	secret := "p@ss/w:rd%#" + rand.Text()
	server.Exec(t, `CREATE DATABASE inventory CHARACTER SET utf8mb4; CREATE USER reader@'127.0.0.1' IDENTIFIED BY '`+secret+`'; GRANT SELECT ON inventory.* TO reader@'127.0.0.1'`)
	return inventory{url: server.URL("reader", secret, "inventory"), secret: secret, exec: func(sql string) { server.Exec(t, `USE inventory; `+sql) }}
}

var inventories = map[string]func(*testing.T) inventory{"Postgres": postgresInventory, "MariaDB": mariadbInventory}

// devices are rows as somebody's database has them, and the same as a spreadsheet would save them. Every property is NULL
// somewhere, texts hold what CSV has to quote, and a date and time has a fraction or none.
func devices(n int) (insert, file string) {
	names := []string{"Zoë, \"Z\" O'Neil", "李雷", "a b", ""}
	statuses := []string{"compliant", "nonCompliant", "error", ""}
	times := []string{"2026-11-23 08:15:00.25", "2026-01-01 00:00:00", "2026-06-30 23:59:59.123456", ""}
	var rows, text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write([]string{"deviceConfigurationId", "userStatusId", "userDisplayName", "devicesCount", "status", "lastReportedDateTime", "ticket"})
	for i := range n {
		name, status, at := names[i%4], statuses[i/2%4], times[i/3%4]
		count := fmt.Sprint(i % 7)
		if i%5 == 0 {
			count = ""
		}
		if i > 0 {
			rows.WriteString(",\n")
		}
		fmt.Fprintf(&rows, "(%d, 'c%d', 's%d', %s, %s, %s, %s, 'INC, %d')", i, i%3, i, quoted(name), orNull(count), quoted(status), quoted(at), i)
		if name+count+status+at == "" {
			at = "2026-02-02 02:02:02" // a row that asks for nothing is a fault
		}
		if at != "" {
			at = strings.Replace(at, " ", "T", 1) + "Z"
		}
		_ = w.Write([]string{fmt.Sprintf("c%d", i%3), fmt.Sprintf("s%d", i), name, count, status, at, fmt.Sprintf("INC, %d", i)})
	}
	w.Flush()
	return `INSERT INTO device VALUES ` + rows.String() + `;
		UPDATE device SET reported = '2026-02-02 02:02:02' WHERE full_name IS NULL AND devices IS NULL AND compliance IS NULL AND reported IS NULL`, text.String()
}

func quoted(s string) string {
	if s == "" {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func orNull(s string) string {
	if s == "" {
		return "NULL"
	}
	return s
}

const deviceTable = `CREATE TABLE device (n int PRIMARY KEY, configuration varchar(50) NOT NULL, serial varchar(50) NOT NULL, full_name varchar(100),
	devices bigint, compliance varchar(20), reported timestamp(6) NULL, ticket varchar(50));`

const deviceQuery = `SELECT configuration, serial, full_name, devices, compliance AS status, reported, ticket FROM device ORDER BY n`

// deviceFlags say what names the table and its devices.
var deviceFlags = []string{"--map=configuration=deviceConfigurationId", "--map=serial=userStatusId"}

// A query that returns what a file holds makes the run that the file makes: the same rows, the same fingerprint, the same
// requests and the same results, from each server.
func TestQueryAndFileMakeTheSameRun(t *testing.T) {
	t.Parallel()
	const rows = 1500
	for name, start := range inventories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := start(t)
			k, db := newTestKit(t)
			root := k.simulator()
			insert, text := devices(rows)
			source.exec(deviceTable + insert)
			file := k.write("devices.csv", text)
			k.env["INVENTORY"] = source.url
			flags := []string{
				"sql", "--source=env:INVENTORY", "--query-file=" + k.write("devices.sql", "\ufeff-- all of them\n"+deviceQuery+";\n"), "--time-zone=UTC",
				"--map=full_name=userDisplayName", "--map=devices=devicesCount", "--map=reported=lastReportedDateTime", "--empty-as=null",
			}
			flags = append(flags, deviceFlags...)
			first := enqueued(k, k.ok("enqueue", append(flags, "--output=json")...))
			if again := k.run("enqueue", "csv", "--empty-as=null", file); again.code != 2 || !strings.Contains(again.stderr, first) {
				t.Errorf("the file is not taken for what the query returned: %s", again)
			}
			if again := k.run("enqueue", flags...); again.code != 2 || !strings.Contains(again.stderr, first) {
				t.Errorf("the query is not taken for what it returned before: %s", again)
			}
			k.ok("worker", "--drain")
			sent := patches(k, root)
			second := enqueued(k, k.ok("enqueue", "csv", "--again", "--empty-as=null", "--output=json", file))
			k.ok("worker", "--drain")
			both := patches(k, root)
			if len(sent) != rows || len(both) != 2*rows {
				t.Fatalf("Graph saw %d and then %d requests, want %d and %d", len(sent), len(both), rows, 2*rows)
			}
			conn := db.Conn(t)
			of := func(run string) []string {
				return column(t, conn, `SELECT concat_ws('|', row, target, route, device_configuration_id, user_status_id, asks, user_display_name, devices_count,
					status, last_reported_date_time, other) FROM status_update WHERE run = `+run+` ORDER BY row`)
			}
			if diff := cmp.Diff(of(first), of(second)); diff != "" {
				t.Errorf("the rows are not the same (-query +file):\n%s", diff)
			}
			// What comes back is the table as it was read, with the names of the query's columns.
			back := filepath.Join(k.dir, "back.csv")
			told := k.ok("audit", "results", first, "-o", back)
			got, err := os.ReadFile(back)
			if err != nil {
				t.Fatal(err)
			}
			cells := strings.SplitN(string(got), "\n", 3)
			if !strings.HasPrefix(cells[0], "configuration,serial,full_name,devices,status,reported,ticket,graphpatch_row,") ||
				!strings.HasPrefix(cells[1], `c0,s0,"Zoë, ""Z"" O'Neil",,compliant,2026-11-23T08:15:00.25`) || strings.Count(string(got), ",applied,") != rows {
				t.Errorf("results: %s\n%.600s", told, got)
			}
			_, again, _ := strings.Cut(told.stderr, "To enqueue it again it takes ")
			if r := k.run("enqueue", append([]string{"csv", back}, strings.Fields(again)...)...); r.code != 2 || !strings.Contains(r.stderr, "the same content was enqueued as run "+second) {
				t.Errorf("the results are not taken for what the query returned: %s", r)
			}
		})
	}
}
