//go:build !unix || aix || solaris

package postgres

import (
	"context"
	"fmt"
	"runtime"
)

func openEmbedded(context.Context, Config) (string, func(context.Context) error, error) {
	return "", nil, fmt.Errorf("there is none on %s: set DATABASE_URL to a server's address", runtime.GOOS)
}
