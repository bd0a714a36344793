package source

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresResults takes each value as the text that the server makes of it, whatever its type.
type postgresResults struct {
	conn   *pgconn.PgConn
	reader *pgconn.ResultReader
	shape  []column
	cells  []string
}

// maxMessage bounds what one row may take in memory before it is found too long.
const maxMessage = 16 << 20

func askPostgres(ctx context.Context, cfg *QueryConfig) (_ results, err error) {
	address := cfg.Address.postgres.Copy()
	address.RuntimeParams["application_name"] = "graphpatch enqueue sql"
	address.RuntimeParams["client_encoding"] = "UTF8"
	address.MaxProtocolMessageBodyLen = maxMessage
	conn, err := pgconn.ConnectConfig(ctx, address)
	if err != nil {
		return nil, err
	}
	p := &postgresResults{conn: conn}
	defer func() {
		if err != nil {
			_ = p.close()
		}
	}()
	// LOCAL, because a connection pooler may hand the session to somebody else.
	begin := fmt.Sprintf(`BEGIN READ ONLY; SET LOCAL statement_timeout = %d; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';
		SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1`, cfg.Timeout.Milliseconds())
	if err := conn.Exec(ctx, begin).Close(); err != nil {
		return nil, err
	}
	// First without asking it: what is wrong with the query shows before the server begins, and what its types are.
	asked, err := conn.Prepare(ctx, "", cfg.Text, nil)
	switch {
	case err != nil:
		return nil, err
	case len(asked.Fields) == 0:
		return nil, errNoColumns
	case len(asked.ParamOIDs) != len(cfg.Parameters):
		return nil, &parametersError{len(asked.ParamOIDs), len(cfg.Parameters)}
	}
	if err := p.describe(ctx, asked.Fields); err != nil {
		return nil, err
	}
	values := make([][]byte, len(cfg.Parameters))
	for i, v := range cfg.Parameters {
		values[i] = []byte(v)
	}
	p.reader = conn.ExecParams(ctx, cfg.Text, values, nil, nil, nil)
	return p, nil
}

var postgresKinds = map[uint32]kind{
	pgtype.Int2OID: wholeKind, pgtype.Int4OID: wholeKind, pgtype.Int8OID: wholeKind,
	pgtype.NumericOID: fractionKind, pgtype.Float4OID: fractionKind, pgtype.Float8OID: fractionKind,
	pgtype.TimestamptzOID: instantKind, pgtype.TimestampOID: localKind, pgtype.UUIDOID: uuidKind,
	pgtype.TextOID: textKind, pgtype.VarcharOID: textKind, pgtype.BPCharOID: textKind, pgtype.NameOID: textKind, pgtype.UnknownOID: textKind,
}

// describe names the columns' types. Those that somebody made in the database are texts when the server counts them among
// texts or enumerations.
func (p *postgresResults) describe(ctx context.Context, fields []pgconn.FieldDescription) error {
	p.cells = make([]string, len(fields))
	var others []string
	for _, f := range fields {
		kind, known := postgresKinds[f.DataTypeOID]
		if !known {
			kind = oddKind
		}
		p.shape = append(p.shape, column{name: f.Name, kind: kind})
		others = append(others, strconv.FormatUint(uint64(f.DataTypeOID), 10))
	}
	types := p.conn.ExecParams(ctx, `
		SELECT pg_catalog.format_type(oid, NULL), typcategory IN ('S', 'E') AND typtype IN ('b', 'e')
		FROM unnest($1::oid[]) WITH ORDINALITY AS asked (id, n) JOIN pg_catalog.pg_type ON oid = id ORDER BY n`,
		[][]byte{[]byte("{" + strings.Join(others, ",") + "}")}, nil, nil, nil).Read()
	if types.Err != nil {
		return types.Err
	}
	for i, row := range types.Rows {
		c := &p.shape[i]
		if c.typeName = string(row[0]); c.kind == oddKind && string(row[1]) == "t" {
			c.kind = textKind
		}
	}
	return nil
}

func (p *postgresResults) columns() []column { return p.shape }

func (p *postgresResults) next() ([]string, error) {
	if !p.reader.NextRow() {
		if _, err := p.reader.Close(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	for i, v := range p.reader.Values() {
		p.cells[i] = string(v)
		if p.shape[i].kind == instantKind {
			p.cells[i] = inUTC(p.cells[i], "+00")
		}
	}
	return p.cells, nil
}

// close leaves the transaction to the server, which takes it back. Of a query under way the server is told.
func (p *postgresResults) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	_ = p.conn.Close(ctx) // all rows are here, or an error that says more
	select {
	case <-p.conn.CleanupDone():
	case <-ctx.Done():
	}
	return nil
}

// goodbye is how long a server may take to let go of us.
const goodbye = 2 * time.Second

func (cfg *QueryConfig) judgePostgres(e *pgconn.PgError, late bool) verdict {
	said := e.Message
	switch {
	case e.Code == "57014" && late: // its words, which tell a timeout from a person, are in the server's language
		return timedOut
	case strings.HasPrefix(e.Code, "28"):
		return cfg.Address.refusedLogin(said)
	case e.Code == "25006":
		return writes(said)
	case e.Code == "42501":
		return verdict{reason: fmt.Sprintf("the user %q has no right to that: %s", cfg.Address.User, said)}
	case strings.HasPrefix(e.Code, "42"), strings.HasPrefix(e.Code, "22"), e.Code == "26000", e.Code == "08P01":
		if e.Hint != "" {
			said += " (" + e.Hint + ")"
		}
		return verdict{position(cfg.Text, int(e.Position)) + said, true}
	}
	return verdict{reason: fmt.Sprintf("the server says: %s (SQLSTATE %s)", said, e.Code)}
}
