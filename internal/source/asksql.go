package source

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
)

// sqlResults is a result that comes by way of database/sql: of every server but Postgres.
type sqlResults struct {
	db    *sql.DB
	conn  *sql.Conn
	tx    *sql.Tx
	rows  *sql.Rows
	end   context.CancelFunc        // of what is still under way
	stop  func(ctx context.Context) // nil, or tells the server of a query under way
	shape []column
	text  func(value any, c *column) string

	values []any
	into   []any // pointers to values
	cells  []string
}

// sqlServer is what servers behind database/sql do each in its way.
type sqlServer struct {
	connector driver.Connector
	readOnly  bool // it knows transactions that only read
	// prepare makes the session ready, before the transaction. What it returns may be nil, and tells the server that nobody
	// wants the query's result any more, if closing the connection does not.
	prepare func(ctx context.Context, conn *sql.Conn) (stop func(context.Context, *sql.DB), err error)
	kinds   map[string]kind                   // by the driver's names of types; others are odd
	text    func(value any, c *column) string // of a value that is not NULL
}

func (s *sqlServer) ask(ctx context.Context, cfg *QueryConfig) (_ results, err error) {
	r := &sqlResults{db: sql.OpenDB(s.connector), text: s.text}
	ctx, r.end = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			_ = r.close()
		}
	}()
	if r.conn, err = r.db.Conn(ctx); err != nil {
		return nil, err
	}
	stop, err := s.prepare(ctx, r.conn)
	if err != nil {
		return nil, err
	}
	if r.tx, err = r.conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: s.readOnly}); err != nil {
		return nil, err
	}
	arguments := make([]any, len(cfg.Parameters))
	for i, v := range cfg.Parameters {
		arguments[i] = v
	}
	if stop != nil {
		r.stop = func(ctx context.Context) { stop(ctx, r.db) }
	}
	rows, err := r.tx.QueryContext(ctx, cfg.Text, arguments...)
	if err != nil {
		return nil, err
	}
	r.rows = rows
	if err := r.describe(s.kinds); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *sqlResults) describe(kinds map[string]kind) error {
	types, err := r.rows.ColumnTypes()
	if err != nil {
		return err
	}
	if len(types) == 0 {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return errNoColumns
	}
	r.values, r.into = make([]any, len(types)), make([]any, len(types))
	r.cells = make([]string, len(types))
	for i, t := range types {
		c := column{name: t.Name(), typeName: t.DatabaseTypeName(), kind: oddKind}
		if k, known := kinds[c.typeName]; known {
			c.kind = k
		}
		r.shape = append(r.shape, c)
		r.into[i] = &r.values[i]
	}
	return nil
}

func (r *sqlResults) columns() []column { return r.shape }

func (r *sqlResults) next() ([]string, error) {
	if !r.rows.Next() {
		return nil, r.atEnd()
	}
	if err := r.rows.Scan(r.into...); err != nil {
		return nil, err
	}
	for i, v := range r.values {
		r.cells[i] = ""
		if v != nil {
			r.cells[i] = r.text(v, &r.shape[i])
		}
	}
	return r.cells, nil
}

// atEnd makes sure that there is nothing more to come.
func (r *sqlResults) atEnd() error {
	if err := r.rows.Err(); err != nil {
		return err
	}
	for r.rows.NextResultSet() {
		if names, err := r.rows.Columns(); err == nil && len(names) > 0 {
			return errTwoTables
		}
	}
	if err := r.rows.Err(); err != nil {
		return err
	}
	r.stop = nil
	return io.EOF
}

// close takes the transaction back, whatever was in it. Its context ends first: otherwise drivers would read to the last row
// what nobody wants. What goes wrong was said before, or does not matter any more.
func (r *sqlResults) close() error {
	r.end()
	if r.stop != nil {
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		r.stop(ctx)
	}
	if r.rows != nil {
		_ = r.rows.Close()
	}
	if r.tx != nil {
		_ = r.tx.Rollback()
	}
	if r.conn != nil {
		_ = r.conn.Close()
	}
	return r.db.Close()
}
