package jobs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Migrate brings River's own tables to the version this program was built with. It returns how many migrations that
// took.
func Migrate(ctx context.Context, pool *pgxpool.Pool) (applied int, err error) {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return 0, fmt.Errorf("migrate River's tables: %w", err)
	}
	result, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return 0, fmt.Errorf("migrate River's tables: %w", err)
	}
	return len(result.Versions), nil
}

// Migrated reports whether River's tables are at least at the version this program was built with.
func Migrated(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return false, fmt.Errorf("look at River's tables: %w", err)
	}
	result, err := migrator.Validate(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("look at River's tables: %w", err)
	}
	return result.OK, nil
}
