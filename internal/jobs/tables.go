package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"

	"graphpatch/internal/source"
)

// CSVFile is a table in a file that somebody else writes anew.
type CSVFile struct {
	Path string
	source.CSVConfig
}

// Open finds the file. One that is not there, or no file, is no fault of its rows: it may come.
func (f CSVFile) Open(_ context.Context, tenant uuid.UUID) (OpenTable, error) {
	info, err := os.Stat(f.Path)
	switch {
	case err != nil:
		return OpenTable{}, err
	case !info.Mode().IsRegular():
		return OpenTable{}, fmt.Errorf("%s is no file: a source is read twice", f.Path)
	}
	config := f.CSVConfig
	config.Name, config.Tenant = f.Path, tenant
	config.Open = func() (io.ReadCloser, error) { return os.Open(f.Path) }
	return OpenTable{
		CSVConfig: config, AsOf: info.ModTime(),
		Note:  func(n *source.Note) { n.File = f.Path },
		Close: func() error { return nil },
	}, nil
}

// SQLQuery is a table that a database returns.
type SQLQuery struct {
	Source string // where the database's URL is: env:NAME, file:PATH or the URL without a password
	File   string // that the query stands in; "": it stands in Query
	Query  source.QueryConfig
	source.CSVConfig
}

// Open asks the query. A database that cannot be reached may be there a minute later; a query that it does not understand is a
// person's business.
func (q SQLQuery) Open(ctx context.Context, tenant uuid.UUID) (OpenTable, error) {
	query := q.Query
	var err error
	if q.File != "" {
		if query.Text, err = source.ReadQuery(q.File); err != nil {
			return OpenTable{}, &RefusedError{err.Error()}
		}
	}
	if query.Address, err = source.ReadAddress(q.Source); err != nil {
		return OpenTable{}, &RefusedError{err.Error()}
	}
	result, err := source.Fetch(ctx, query)
	if fault, ok := errors.AsType[*source.QueryError](err); ok && fault.Query {
		return OpenTable{}, &RefusedError{fault.Error()}
	}
	if err != nil {
		return OpenTable{}, err
	}
	config := q.CSVConfig
	config.Name, config.Tenant, config.Result = query.Address.String(), tenant, result
	return OpenTable{
		CSVConfig: config,
		Note:      func(n *source.Note) { n.Query = query.Note() },
		Close:     result.Close,
	}, nil
}
