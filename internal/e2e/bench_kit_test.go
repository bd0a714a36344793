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
	k.serve(b)
	return k
}

// serve starts the kit's private server and makes the tables.
func (k *kit) serve(b *testing.B) {
	b.Helper()
	db := k.openServer(b)
	b.Cleanup(func() { closeServer(b, db) })
	k.env["DATABASE_URL"] = db.URL
	k.ok("worker", "migrate")
}

func (k *kit) openServer(b *testing.B) *postgres.Database {
	b.Helper()
	db, err := postgres.Open(b.Context(), postgres.Config{DataDir: filepath.Join(k.dir, "postgres")})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// closeServer stops the server, also when the benchmark's own context has ended.
func closeServer(b *testing.B, db *postgres.Database) {
	b.Helper()
	if err := db.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Error(err)
	}
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
