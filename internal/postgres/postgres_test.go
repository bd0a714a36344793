//go:build unix && !aix && !solaris

package postgres

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"graphpatch/migrations"
)

func TestConfigFaultsComeTogether(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{
		URL:             "nonsense",
		ApplicationName: strings.Repeat("x", 41),
		Settings:        map[string]string{"not a name": "1", "fsync": "off\nport = 1"},
	})
	for _, want := range []string{"database URL", "application name", `"not a name"`, `"fsync"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to mention %s", err, want)
		}
	}
	err = PoolConfig{Name: "naïve", MaxConns: -1, Params: map[string]string{"application_name": "x"}}.validate()
	for _, want := range []string{"naïve", "-1", `"application_name"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to mention %s", err, want)
		}
	}
}

func TestSupportedVersions(t *testing.T) {
	t.Parallel()
	err := supported(130014)
	if old, ok := errors.AsType[*VersionError](err); !ok || old.Have != 130014 {
		t.Fatalf("got %v, want a *VersionError", err)
	}
	if got, want := err.Error(), "the server is PostgreSQL 13.14, this program needs 14 or newer"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := supported(140000); err != nil {
		t.Error(err)
	}
}

func TestPool(t *testing.T) {
	t.Parallel()
	embedded := open(t, madeRoot(t))
	// The same server as a server of somebody's.
	db, err := Open(t.Context(), Config{URL: embedded.URL + "&pool_max_conns=3&application_name=theirs", ApplicationName: "worker"})
	if err != nil {
		t.Fatal(err)
	}
	if db.Embedded || !embedded.Embedded {
		t.Errorf("embedded: got %v and %v, want false and true", db.Embedded, embedded.Embedded)
	}
	conn, err := connect(t.Context(), embedded.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `ALTER SYSTEM SET default_transaction_isolation = 'repeatable read'`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
	type state struct{ Name, Plans, Seqscan, JIT, Commit, Isolation string }
	const query = `SELECT current_setting('application_name'), current_setting('plan_cache_mode'),
		current_setting('enable_seqscan'), current_setting('jit'), current_setting('synchronous_commit'),
		current_setting('default_transaction_isolation')`
	for _, tt := range []struct {
		cfg  PoolConfig
		size int32
		want state
	}{
		{PoolConfig{}, 3, state{"worker", "auto", "on", "on", "on", "read committed"}},
		{PoolConfig{Name: "budget", MaxConns: 2, Params: map[string]string{"synchronous_commit": "off"}}, 2, state{"worker budget", "auto", "on", "on", "off", "read committed"}},
		{LedgerConfig(5), 5, state{"worker ledger", "force_generic_plan", "off", "off", "on", "read committed"}},
	} {
		pool, err := db.Pool(t.Context(), tt.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var got state
		err = pool.QueryRow(t.Context(), query).Scan(&got.Name, &got.Plans, &got.Seqscan, &got.JIT, &got.Commit, &got.Isolation)
		size := pool.Config().MaxConns
		pool.Close()
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" || size != tt.size {
			t.Errorf("%+v: %v, size %d, want %d\n%s", tt.cfg, err, size, tt.size, diff)
		}
	}
	if _, err := db.Pool(t.Context(), PoolConfig{Name: "odd", Params: map[string]string{"no_such_setting": "1"}}); err == nil || !strings.Contains(err.Error(), `"odd"`) {
		t.Errorf("got %v, want the pool that has an unknown setting", err)
	}
	if err := errors.Join(db.Close(t.Context()), db.Close(t.Context())); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	db := open(t, madeRoot(t))
	conn, err := connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	newest := int32(len(files))

	wantSchemaError(t, CheckSchema(t.Context(), conn), SchemaError{Have: 0, Want: newest})
	migrateAtOnce(t, db.URL, newest)
	if err := CheckSchema(t.Context(), conn); err != nil {
		t.Error(err)
	}
	if from, to, err := Migrate(t.Context(), db.URL); from != newest || to != newest || err != nil {
		t.Errorf("again: got %d, %d, %v, want %d twice", from, to, err, newest)
	}

	if _, err := conn.Exec(t.Context(), `UPDATE public.schema_version SET version = 1000`); err != nil {
		t.Fatal(err)
	}
	wantSchemaError(t, CheckSchema(t.Context(), conn), SchemaError{Have: 1000, Want: newest})
	_, _, err = Migrate(t.Context(), db.URL)
	wantSchemaError(t, err, SchemaError{Have: 1000, Want: newest})
}

// migrateAtOnce has several migrate one database; one of them does it.
func migrateAtOnce(t *testing.T, address string, newest int32) {
	t.Helper()
	const callers = 4
	var from [callers]int32
	var wait sync.WaitGroup
	for i := range callers {
		wait.Go(func() {
			var to int32
			var err error
			if from[i], to, err = Migrate(t.Context(), address); err != nil || to != newest {
				t.Errorf("to %d, %v, want %d", to, err, newest)
			}
		})
	}
	wait.Wait()
	workers := 0
	for _, version := range from {
		if version == 0 {
			workers++
		}
	}
	if workers != 1 {
		t.Errorf("%d callers migrated, want one: from %v", workers, from)
	}
}

func wantSchemaError(t *testing.T, err error, want SchemaError) {
	t.Helper()
	got, ok := errors.AsType[*SchemaError](err)
	if !ok {
		t.Fatalf("got %v, want a *SchemaError", err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Error(diff)
	}
}

func TestSchemaError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  SchemaError
		want string
	}{
		{SchemaError{Have: 0, Want: 3}, `the database's schema is at version 0, this program needs 3: run "worker migrate"`},
		{SchemaError{Have: 5, Want: 3}, `the database's schema is at version 5, this program knows only 3: the program is older than the database, use a newer one`},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
