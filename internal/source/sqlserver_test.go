package source

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// No SQL Server runs here: this is what the driver hands over for each of its types, as its documentation has it.
func TestSQLServerText(t *testing.T) {
	east := time.FixedZone("", 2*60*60)
	for _, c := range []struct {
		typeName string
		value    any
		want     string
	}{
		{"NVARCHAR", "Zoë", "Zoë"},
		{"BIGINT", int64(-3), "-3"},
		{"BIT", true, "1"},
		{"BIT", false, "0"},
		{"FLOAT", 1000.0, "1000"},
		{"FLOAT", 0.1, "0.1"},
		{"REAL", float32(0.1), "0.1"},
		{"DECIMAL", []byte("3.50"), "3.50"},
		{"MONEY", []byte("3.5000"), "3.5000"},
		{"VARBINARY", []byte{0xde, 0xad}, "0xdead"},
		{"UNIQUEIDENTIFIER", []byte{0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}, "01234567-89ab-cdef-0123-456789abcdef"},
		{"DATETIMEOFFSET", time.Date(2026, 11, 23, 8, 15, 0, 1234567*100, east), "2026-11-23T08:15:00.1234567+02:00"},
		{"DATETIME2", time.Date(2026, 11, 23, 8, 15, 0, 250_000_000, time.UTC), "2026-11-23 08:15:00.25"},
		{"DATETIME", time.Date(2026, 11, 23, 8, 15, 0, 0, time.UTC), "2026-11-23 08:15:00"},
		{"DATE", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), "2026-11-23"},
		{"TIME", time.Date(1, 1, 1, 8, 15, 0, 0, time.UTC), "08:15:00"},
	} {
		if got := sqlServerText(c.value, &column{typeName: c.typeName}); got != c.want {
			t.Errorf("%s: got %s, want %s", c.typeName, got, c.want)
		}
	}
}

// Every kind of server's names of types are those that its driver gives.
func TestSQLServerKinds(t *testing.T) {
	for name, want := range map[string]kind{
		"NVARCHAR": textKind, "INT": wholeKind, "DECIMAL": fractionKind, "DATETIMEOFFSET": instantKind, "DATETIME2": localKind, "SMALLDATETIME": localKind,
		"UNIQUEIDENTIFIER": uuidKind,
	} {
		if got := sqlServerKinds[name]; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"BIT", "VARBINARY", "BINARY", "IMAGE", "XML", "SQL_VARIANT", "DATE", "TIME"} {
		if _, known := sqlServerKinds[name]; known {
			t.Errorf("%s is taken for something", name)
		}
	}
}

func TestSQLServerErrors(t *testing.T) {
	cfg := asking(t, "sqlserver://anna:s3cret@127.0.0.1?database=CM_P01", "SELECT 1")
	for _, c := range []struct {
		err   mssql.Error
		says  string
		fault bool
	}{
		{mssql.Error{Number: 102, LineNo: 3, Message: "Incorrect syntax near 'FORM'."}, "line 3 of the query: Incorrect syntax near 'FORM'. (error 102)", true},
		{mssql.Error{Number: 207, LineNo: 1, Message: "Invalid column name 'x'."}, "line 1 of the query: Invalid column name 'x'. (error 207)", true},
		{mssql.Error{Number: 18456, Message: "Login failed for user 'anna'."}, `the server refuses the user "anna" or the password: Login failed for user 'anna'. (error 18456)`, false},
		{mssql.Error{Number: 229, Message: "The SELECT permission was denied"}, `the user "anna" has no right to that: The SELECT permission was denied (error 229)`, false},
		{mssql.Error{Number: 1222, Message: "Lock request time out period exceeded."}, "somebody else keeps the rows locked: ", false},
		{mssql.Error{Number: 3906, Message: "the database is read-only"}, "the query would write, but is only to read: ", true},
		{mssql.Error{Number: 9002, Message: "The transaction log is full"}, "the server says: The transaction log is full (error 9002)", false},
	} {
		if got := cfg.judge(c.err, false); !strings.HasPrefix(got.reason, c.says) || got.query != c.fault {
			t.Errorf("%d: got %+v", c.err.Number, got)
		}
	}
}

// With the drivers themselves: nobody listens, somebody listens and hangs up, somebody listens and says nothing.
func TestServersOutOfReach(t *testing.T) {
	closed := listen(t, func(c net.Conn) { _ = c.Close() })
	silent := listen(t, func(c net.Conn) {
		<-t.Context().Done()
		_ = c.Close()
	})
	for _, server := range []string{"postgres", "mysql", "sqlserver"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			address := func(at string) string { return server + "://anna:p%40ss%2Fw%3Ard%25%23@" + at }
			checkRefusals(t, address("127.0.0.1:1"), "p@ss/w:rd%#", []refusal{
				{"SELECT 1", nil, "the database cannot be reached", false},
				{"SELECT 1", at(t, address(closed)), "the database cannot be reached", false},
				{"SELECT 1", func(cfg *QueryConfig) { at(t, address(silent))(cfg); short(cfg) }, "the query took longer than 1s", false},
			})
		})
	}
}

// listen gives every caller to serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}
