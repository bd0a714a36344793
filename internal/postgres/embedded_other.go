//go:build !unix || aix || solaris

package postgres

import (
	"context"
	"fmt"
	"runtime"
)

func openEmbedded(_ context.Context, cfg Config) (string, func(context.Context) error, error) {
	if cfg.OnlyRunning {
		return "", nil, ErrNotRunning
	}
	return "", nil, fmt.Errorf("there is none on %s: set DATABASE_URL to a server's address", runtime.GOOS)
}
