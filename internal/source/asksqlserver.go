package source

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// askSQLServer asks in a transaction that is always taken back: this server knows none that only reads. Nor does it know a
// timeout; the driver tells it to stop when the context ends.
func askSQLServer(ctx context.Context, cfg *QueryConfig) (results, error) {
	connector := mssql.NewConnectorConfig(*cfg.Address.sqlserver)
	connector.Dialer = impatient{}
	server := sqlServer{connector: connector, kinds: sqlServerKinds, text: sqlServerText}
	server.prepare = func(ctx context.Context, conn *sql.Conn) (func(context.Context, *sql.DB), error) {
		// Otherwise a query that waits for somebody's lock would wait until the timeout, and hold locks of its own.
		_, err := conn.ExecContext(ctx, `SET LOCK_TIMEOUT 30000`)
		return nil, err
	}
	return server.ask(ctx, cfg)
}

// impatient dials for a driver that waits for a server's greeting without a look at the context. When that ends, the
// connection still has the time to tell the server to stop.
type impatient struct{ net.Dialer }

// DialContext is what the driver calls.
func (d impatient) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now().Add(goodbye)) })
	return conn, nil
}

var sqlServerKinds = map[string]kind{
	"CHAR": textKind, "VARCHAR": textKind, "NCHAR": textKind, "NVARCHAR": textKind, "TEXT": textKind, "NTEXT": textKind,
	"TINYINT": wholeKind, "SMALLINT": wholeKind, "INT": wholeKind, "BIGINT": wholeKind,
	"DECIMAL": fractionKind, "MONEY": fractionKind, "SMALLMONEY": fractionKind, "REAL": fractionKind, "FLOAT": fractionKind,
	"DATETIMEOFFSET": instantKind, "DATETIME": localKind, "DATETIME2": localKind, "SMALLDATETIME": localKind,
	"UNIQUEIDENTIFIER": uuidKind,
}

// sqlServerText shows a value as the server would convert it to a text, but for dates and times with a zone.
func sqlServerText(value any, c *column) string {
	switch v := value.(type) {
	case time.Time:
		return sqlServerTime(v, c)
	case []byte:
		return sqlServerBytes(v, c)
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
		return "0"
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func sqlServerTime(t time.Time, c *column) string {
	switch c.typeName {
	case "DATETIMEOFFSET":
		return t.Format(time.RFC3339Nano)
	case "DATE":
		return t.Format(time.DateOnly)
	case "TIME":
		return t.Format("15:04:05.999999999")
	}
	// The driver puts the digits of a value without a zone into UTC.
	return t.Format("2006-01-02 15:04:05.999999999")
}

func sqlServerBytes(v []byte, c *column) string {
	switch c.typeName {
	case "UNIQUEIDENTIFIER":
		var id mssql.UniqueIdentifier // its first fields come in little-endian
		if err := id.Scan(v); err == nil {
			return strings.ToLower(id.String())
		}
	case "DECIMAL", "MONEY", "SMALLMONEY":
		return string(v)
	}
	return "0x" + hex.EncodeToString(v)
}

func (cfg *QueryConfig) judgeSQLServer(e *mssql.Error) verdict {
	said := fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	switch e.Number {
	case 18456, 18452, 18470, 18486, 18487, 18488:
		return cfg.Address.refusedLogin(said)
	case 229, 230, 262, 297, 300, 916, 4060:
		return verdict{reason: fmt.Sprintf("the user %q has no right to that: %s", cfg.Address.User, said)}
	case 1222:
		return verdict{reason: "somebody else keeps the rows locked: " + said}
	case 1205:
		return verdict{reason: "the server gave way to somebody else: " + said}
	case 3906:
		return writes(said)
	case 102, 105, 137, 156, 170, 207, 208, 209, 319, 4104, 8114, 8115, 8120, 245, 241, 8134, 8178:
		return verdict{fmt.Sprintf("line %d of the query: %s", max(1, e.LineNo), said), true}
	}
	return verdict{reason: "the server says: " + said}
}
