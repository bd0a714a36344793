package e2e

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

var scenesOfDisks = []scene{{"disk full", diskFull}}

// The database's disk is full. An import says so and leaves nothing; a worker stops sending, says so, and goes on when
// there is room again.
func diskFull(t *testing.T) {
	const rows = 1500
	o := newOutage(t, nil)
	disk := o.smallDisk()

	filled := disk.fill(1 << 20)
	r := o.run("enqueue", "csv", o.sample(20_000))
	for _, words := range []string{"Nothing was enqueued", "The database's disk is full"} {
		if r.code != 1 || !strings.Contains(r.stderr, words) {
			t.Errorf("want exit code 1 and %q: %s", words, r)
		}
	}
	disk.empty(filled)
	for _, table := range []string{"run", "run_count", "status_update", "audit_event", "in_flight", "river_job"} {
		if n := query[int](o.kit, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%s has %d rows after an import that failed", table, n)
		}
	}

	run := o.enqueue(rows)
	w := o.working(1)[0]
	o.settled(run, 100)
	filled = disk.fill(0)
	o.standsStill(w, o.root, "the database's disk is full", 1)
	disk.empty(filled)
	o.settled(run, rows)
	checkBooks(o.kit, o.root, run, rows)
	if lines := errorLines(w); len(lines) > 10 {
		t.Errorf("%d lines of errors:\n%s", len(lines), w.stderr)
	}
}

// smallDisk is a disk of a few megabytes that holds the tables, but not the server's log, without which it would end.
type smallDisk struct {
	*outage
	dir string
}

// smallDisk moves the database to one. Where it may not be mounted the test is skipped.
func (o *outage) smallDisk() *smallDisk {
	o.tb.Helper()
	d := &smallDisk{o, filepath.Join(o.dir, "disk")}
	if err := os.Mkdir(d.dir, 0o755); err != nil {
		o.tb.Fatal(err)
	}
	err := syscall.Mount("graphpatch", d.dir, "tmpfs", 0, "size=64m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		o.tb.Skipf("a disk that is full needs the right to mount a small one: %v", err)
	}
	if err != nil {
		o.tb.Fatal(err)
	}
	// Registered before the server is stopped for good, so it comes after that.
	o.tb.Cleanup(func() {
		o.closeServer()
		if err := syscall.Unmount(d.dir, 0); err != nil {
			o.tb.Errorf("unmount %s: %v", d.dir, err)
		}
	})
	info, err := os.Stat(filepath.Join(o.config.DataDir, "data"))
	if err != nil {
		o.tb.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	tables := filepath.Join(d.dir, "tables")
	if err := errors.Join(os.Mkdir(tables, 0o700), os.Chown(tables, int(stat.Uid), int(stat.Gid))); err != nil {
		o.tb.Fatal(err)
	}
	d.moveTo(tables)
	return d
}

func (d *smallDisk) moveTo(tables string) {
	d.tb.Helper()
	config, err := pgx.ParseConfig(d.env["DATABASE_URL"])
	if err != nil {
		d.tb.Fatal(err)
	}
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(d.tb.Context(), config)
	if err != nil {
		d.tb.Fatal(err)
	}
	defer conn.Close(d.tb.Context())
	for _, sql := range []string{
		`CREATE TABLESPACE small LOCATION '` + tables + `'`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'graphpatch'`,
		`ALTER DATABASE graphpatch SET TABLESPACE small`,
	} {
		if _, err := conn.Exec(d.tb.Context(), sql); err != nil {
			d.tb.Fatalf("%v: %s", err, sql)
		}
	}
}

// fill takes up all the room but so many bytes, and returns the file that does.
func (d *smallDisk) fill(leave int64) (file string) {
	d.tb.Helper()
	file = filepath.Join(d.dir, "filled")
	f, err := os.Create(file)
	if err != nil {
		d.tb.Fatal(err)
	}
	defer f.Close()
	size, err := io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		d.tb.Fatalf("the disk is not full after %d bytes: %v", size, err)
	}
	if leave > 0 {
		if err := f.Truncate(size - leave); err != nil {
			d.tb.Fatal(err)
		}
	}
	return file
}

func (d *smallDisk) empty(file string) {
	d.tb.Helper()
	if err := os.Remove(file); err != nil {
		d.tb.Fatal(err)
	}
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
