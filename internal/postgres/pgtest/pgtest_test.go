package pgtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres"
)

func TestMain(m *testing.M) { Main(m) }

func TestNewIsMigratedAndAlone(t *testing.T) {
	t.Parallel()
	for range 6 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			db := New(t)
			if err := postgres.CheckSchema(t.Context(), db.Pool(t)); err != nil {
				t.Error(err)
			}
			if _, err := db.Conn(t).Exec(t.Context(), `CREATE TABLE mine ()`); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	t.Parallel()
	outer := New(t).Conn(t)
	var name string
	var leaky *pgx.Conn
	t.Run("inner", func(t *testing.T) {
		db := New(t)
		name = db.Name
		var err error
		if leaky, err = pgx.Connect(t.Context(), db.URL); err != nil {
			t.Fatal(err)
		}
	})
	if databaseExists(t, outer, name) {
		t.Errorf("%s stays", name)
	}
	if err := leaky.Ping(t.Context()); err == nil {
		t.Error("a connection outlived its database")
	}
	leaky.Close(t.Context())
}

func TestTidy(t *testing.T) {
	t.Parallel()
	conn := New(t).Conn(t)
	s := shared.server
	old := []string{"graphpatch_test_00000001_x", "graphpatch_making_00000001_x", "graphpatch_template_00000001_x"}
	young, err := s.freshName(t.Context(), testKind, "tidy")
	if err != nil {
		t.Fatal(err)
	}
	foreign := "graphpatch_test_mine"
	for _, name := range append(old, young, foreign) {
		if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+quote(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.locked(t.Context(), func() error { return s.tidy(t.Context()) }); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, name := range append(old, young, foreign) {
		got[name] = databaseExists(t, conn, name)
	}
	want := map[string]bool{old[0]: false, old[1]: false, old[2]: false, young: true, foreign: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{young, foreign} {
		if err := s.drop(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

// TestTemplateTakenAway is a run of another schema's tests beside this one: the
// template it needs is made when it is not there, and made again when it went.
func TestTemplateTakenAway(t *testing.T) {
	t.Parallel()
	conn := New(t).Conn(t)
	other := &server{database: shared.server.database, base: shared.server.base, pool: shared.server.pool, hash: "0123456789abcdef"}
	for range 2 {
		name, err := other.create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !databaseExists(t, conn, name) {
			t.Errorf("%s was not made", name)
		}
		template, err := other.findTemplate(t.Context())
		if err != nil || template == "" {
			t.Fatalf("no template: %v", err)
		}
		for _, name := range []string{name, template} {
			if err := other.drop(t.Context(), name); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestProcessesAtOnce is go test ./...: each package's tests are a process.
func TestProcessesAtOnce(t *testing.T) {
	t.Parallel()
	var parts []*exec.Cmd
	for range 3 {
		part := exec.Command(os.Args[0], "-test.run=^TestNewIsMigratedAndAlone$")
		part.Stdout, part.Stderr = t.Output(), t.Output()
		if err := part.Start(); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	for _, part := range parts {
		if err := part.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestNamedServer(t *testing.T) {
	named := New(t)
	t.Setenv("GRAPHPATCH_TEST_DATABASE_URL", named.URL)
	var another lease
	s, err := another.join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.database.Embedded {
		t.Error("the private server was taken")
	}
	name, err := s.create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.address(name), strings.Replace(named.URL, "/"+named.Name+"?", "/"+name+"?", 1); got != want {
		t.Error("the address differs in more than the name")
	}
	if err := s.drop(t.Context(), name); err != nil {
		t.Error(err)
	}
	if err := another.leave(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkNew(b *testing.B) {
	New(b) // the server and the template are not what is measured
	for b.Loop() {
		New(b)
	}
}

func databaseExists(t *testing.T, conn *pgx.Conn, name string) bool {
	t.Helper()
	var exists bool
	const query = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(t.Context(), query, name).Scan(&exists); err != nil {
		t.Fatal(err)
	}
	return exists
}
