package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"graphpatch/internal/postgres"
	"graphpatch/internal/postgres/pgtest"
)

// TestConnectAndMigrate begins with an empty database: each error names the command that helps, and then it does.
func TestConnectAndMigrate(t *testing.T) {
	db := pgtest.New(t)
	d := Database{DatabaseURL: db.URL}

	checkConnect(t, d, "the tables of River are older than this program needs: run \"worker migrate\"")

	if _, err := db.Conn(t).Exec(t.Context(), `DROP SCHEMA audit, public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	err := checkConnect(t, d, "the database's schema is at version 0, ")
	if schema, ok := errors.AsType[*postgres.SchemaError](err); !ok || !strings.HasSuffix(err.Error(), `: run "worker migrate"`) {
		t.Errorf("got %v %v", err, schema)
	}

	for _, want := range []string{"The schema went from version 0 to ", "The schema is up to date (version "} {
		var said strings.Builder
		if err := d.Migrate(t.Context(), &said); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(said.String(), want) || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("got %q, want %q", said.String(), want)
		}
	}

	pools, err := d.Connect(t.Context(), "worker")
	if err != nil {
		t.Fatal(err)
	}
	var name string
	if err := pools.Ledger.QueryRow(t.Context(), `SHOW application_name`).Scan(&name); err != nil || !strings.HasPrefix(name, "graphpatch worker") {
		t.Errorf("got %q, %v", name, err)
	}
	if err := pools.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := pools.Main.Ping(t.Context()); err == nil {
		t.Error("a closed pool answers")
	}
}

func checkConnect(t *testing.T, d Database, want string) error {
	t.Helper()
	pools, err := d.Connect(t.Context(), "worker")
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, %v, want %s", pools, err, want)
	}
	return err
}

func TestDatabaseThatIsNoDatabase(t *testing.T) {
	d := Database{DatabaseURL: "postgres://me:hidden-4711@127.0.0.1:1/none"}
	_, connectErr := d.Connect(t.Context(), "worker")
	for _, err := range []error{connectErr, d.Migrate(t.Context(), io.Discard)} {
		if err == nil || strings.Contains(err.Error(), "hidden-4711") {
			t.Errorf("got %v", err)
		}
	}
}

// A variable that is set and empty, as compose files pass them on, says nothing; least of all the current folder.
func TestEmptyDataDirIsNone(t *testing.T) {
	clearEnv(t)
	var flags struct {
		Database `embed:""`
	}
	parser, err := kong.New(&flags)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil || flags.DataDir != "" {
		t.Errorf("got %q, %v", flags.DataDir, err)
	}
}

func TestDatabaseURLIsNotShown(t *testing.T) {
	d := Database{DatabaseURL: "postgres://me:hidden-4711@host/db", DataDir: "/data"}
	command := struct {
		Database
		Graph
		Wait bool
	}{Database: d}
	for _, holder := range []any{d, &d, command, &command, []Database{d}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(format, holder)
			if strings.Contains(text, "hidden-4711") || strings.Contains(text, fmt.Sprintf("%x", "hidden-4711")) {
				t.Errorf("%T %s: %s", holder, format, text)
			}
		}
	}
	if got, want := fmt.Sprint(d), "{DatabaseURL:*** DataDir:/data}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(Database{}), "{DatabaseURL: DataDir:}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoPasswordAmongTheArguments(t *testing.T) {
	t.Parallel()
	const open, secret = "postgres://user@host/db", "postgres://user:s3cret@host/db"
	for _, c := range []struct {
		args    []string
		refused bool
	}{
		{nil, false},
		{[]string{"--database-url"}, false},
		{[]string{"--database-url", open}, false},
		{[]string{"--database-url=" + open, secret}, false},
		{[]string{"--database-url", secret}, true},
		{[]string{"do", "--database-url=" + secret}, true},
	} {
		var said strings.Builder
		code := run("test", "", &testGrammar{}, append(c.args, "do", "nothing"), Streams{Out: &said, Err: &said})
		got := strings.Contains(said.String(), "every user of this machine can read a password")
		if got != c.refused || got && (code != ExitUsage || strings.Contains(said.String(), "s3cret")) {
			t.Errorf("%v: exit code %d, said %s", c.args, code, said.String())
		}
	}
}
