// Package migrations holds the database's schema as SQL files, applied in the order of their numbers. River's own
// tables are not here: River migrates them itself.
package migrations

import "embed"

// FS holds the migrations, named NNN_what.sql, without gaps, in tern's format: text/template over SQL, where a double brace
// has a meaning.
//
//go:embed *.sql rights/*.sql
var FS embed.FS
