package e2e

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Others have all the connections. An enqueue says so and what helps; a worker that has lost its own waits, and goes on
// when there are some again.
func outOfConnections(t *testing.T) {
	const rows = 2200
	o := newOutage(t, map[string]string{"max_connections": "40"})
	w := o.working(1)[0]
	run := o.enqueue(rows)
	o.settled(run, 100)

	taken := o.takeAllConnections()
	r := o.run("enqueue", "csv", "--again", o.sample(10))
	for _, words := range []string{"too many clients", "The database has no connection left"} {
		if r.code != 1 || !strings.Contains(r.stderr, words) {
			t.Errorf("want exit code 1 and %q: %s", words, r)
		}
	}
	// What the worker has is ended as well, and taken, until it gets none any more.
	o.until("the worker says that there is no database for it", func() bool {
		if _, err := taken[0].Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'graphpatch worker%'`); err != nil {
			t.Fatal(err)
		}
		taken = append(taken, o.takeAllConnections()...)
		return strings.Contains(w.stderr.String(), "the database cannot be reached")
	})
	var settled int
	if err := taken[0].QueryRow(t.Context(), `SELECT settled FROM run_count WHERE run = $1`, run).Scan(&settled); err != nil {
		t.Fatal(err)
	}
	if settled == rows {
		t.Error("the run had ended before")
	}
	for _, conn := range taken {
		conn.Close(t.Context())
	}
	o.settled(run, rows)
	checkBooks(o.kit, o.root, run, rows)
	if lines := errorLines(w); len(lines) > 8 {
		t.Errorf("%d lines of errors:\n%s", len(lines), w.stderr)
	}
}

// takeAllConnections connects until the server has no more.
func (o *outage) takeAllConnections() (taken []*pgx.Conn) {
	o.tb.Helper()
	for {
		conn, err := pgx.Connect(o.tb.Context(), o.env["DATABASE_URL"])
		if err != nil {
			if !strings.Contains(err.Error(), "too many clients") {
				o.tb.Fatal(err)
			}
			return taken
		}
		o.tb.Cleanup(func() { conn.Close(o.tb.Context()) })
		taken = append(taken, conn)
	}
}
