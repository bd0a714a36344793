package source

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func askMySQL(ctx context.Context, cfg *QueryConfig) (results, error) {
	address := cfg.Address.mysql.Clone()
	// A TIMESTAMP is shown in the session's zone.
	address.Params = map[string]string{"time_zone": "'+00:00'"}
	connector, err := mysql.NewConnector(address)
	if err != nil {
		return nil, err
	}
	server := sqlServer{connector: connector, readOnly: true, kinds: mysqlKinds, text: mysqlText}
	server.prepare = func(ctx context.Context, conn *sql.Conn) (func(context.Context, *sql.DB), error) {
		var version string
		var id uint64
		if err := conn.QueryRowContext(ctx, `SELECT version(), connection_id()`).Scan(&version, &id); err != nil {
			return nil, err
		}
		limit := fmt.Sprintf(`SET SESSION max_execution_time = %d`, cfg.Timeout.Milliseconds())
		if strings.Contains(version, "MariaDB") {
			limit = fmt.Sprintf(`SET SESSION max_statement_time = %f`, cfg.Timeout.Seconds())
		}
		if _, err := conn.ExecContext(ctx, limit); err != nil {
			return nil, err
		}
		// A statement that commits by itself, DROP TABLE for one, ends a transaction that only reads, and is done. In a session
		// that only reads it is not.
		if _, err := conn.ExecContext(ctx, `SET SESSION TRANSACTION READ ONLY`); err != nil {
			return nil, err
		}
		// The server does not notice that a connection is gone until it has a row to send.
		stop := func(ctx context.Context, db *sql.DB) {
			_, _ = db.ExecContext(ctx, fmt.Sprintf(`KILL QUERY %d`, id)) // it may be over by now
		}
		return stop, conn.Raw(func(raw any) error { return countParameters(ctx, raw, cfg) })
	}
	return server.ask(ctx, cfg)
}

// countParameters makes sure that there are as many as the query takes; what else is wrong with it shows when it is asked.
func countParameters(ctx context.Context, raw any, cfg *QueryConfig) error {
	conn, ok := raw.(driver.ConnPrepareContext)
	if !ok || len(cfg.Parameters) == 0 {
		return nil
	}
	prepared, err := conn.PrepareContext(ctx, cfg.Text)
	if err != nil {
		return err
	}
	if takes := prepared.NumInput(); takes != len(cfg.Parameters) {
		err = &parametersError{takes, len(cfg.Parameters)}
	}
	return errors.Join(err, prepared.Close())
}

var mysqlKinds = map[string]kind{
	"CHAR": textKind, "VARCHAR": textKind, "TINYTEXT": textKind, "TEXT": textKind, "MEDIUMTEXT": textKind, "LONGTEXT": textKind,
	"ENUM": textKind, "NULL": textKind,
	"TINYINT": wholeKind, "SMALLINT": wholeKind, "MEDIUMINT": wholeKind, "INT": wholeKind, "BIGINT": wholeKind,
	"UNSIGNED TINYINT": wholeKind, "UNSIGNED SMALLINT": wholeKind, "UNSIGNED MEDIUMINT": wholeKind, "UNSIGNED INT": wholeKind, "UNSIGNED BIGINT": wholeKind,
	"DECIMAL": fractionKind, "FLOAT": fractionKind, "DOUBLE": fractionKind,
	"TIMESTAMP": instantKind, "DATETIME": localKind,
}

// mysqlText is how the server itself would show a value. With parameters it sends some of them in binary.
func mysqlText(value any, c *column) string {
	switch v := value.(type) {
	case []byte:
		switch {
		case c.kind == instantKind:
			return inUTC(string(v), "")
		case strings.HasSuffix(c.typeName, "BINARY") || strings.HasSuffix(c.typeName, "BLOB") || c.typeName == "BIT" || c.typeName == "GEOMETRY":
			return "0x" + hex.EncodeToString(v)
		}
		return string(v)
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func (cfg *QueryConfig) judgeMySQL(e *mysql.MySQLError) verdict {
	said := fmt.Sprintf("%s (error %d)", e.Message, e.Number)
	switch e.Number {
	case 1969, 3024: // MariaDB's and MySQL's
		return timedOut
	case 1044, 1045, 1698:
		return cfg.Address.refusedLogin(said)
	case 1792:
		return writes(said)
	case 1142, 1143, 1227, 1370:
		return verdict{reason: fmt.Sprintf("the user %q has no right to that: %s", cfg.Address.User, said)}
	}
	if strings.HasPrefix(string(e.SQLState[:]), "42") {
		return verdict{said, true}
	}
	return verdict{reason: "the server says: " + said}
}
