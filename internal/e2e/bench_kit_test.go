package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"graphpatch/internal/postgres"
)

// newBenchKit is an installation with a private server of the product's own settings: what is measured is written to
// disk as it would be.
func newBenchKit(b *testing.B) *kit {
	b.Helper()
	k := newKit(b)
	db, err := postgres.Open(b.Context(), postgres.Config{DataDir: filepath.Join(k.dir, "postgres")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	k.env["DATABASE_URL"] = db.URL
	k.ok("worker", "migrate")
	return k
}

// reset empties the simulator.
func (k *kit) reset(root string) {
	k.tb.Helper()
	resp, err := http.Post(root+"/_sim/reset", "", nil)
	if err != nil {
		k.tb.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// spread is the median with the lowest and the highest.
func spread(values []float64) string {
	m := median(values)
	return fmt.Sprintf("median %.2f (%.2f to %.2f)", m, values[0], values[len(values)-1])
}
