package jobs

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

func (k *kit) checkServed(want bool) {
	k.t.Helper()
	got, err := Served(k.t.Context(), k.pool, tenant)
	if err != nil || got != want {
		k.t.Errorf("served: got %v, %v, want %v", got, err, want)
	}
}

func TestServed(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	k.checkServed(false)
	w := k.workerFor("w", "token", fast)
	stop := k.start(w)
	k.checkServed(true)
	k.exec(`UPDATE river_queue SET updated_at = updated_at - interval '2 min'`)
	k.checkServed(false)
	if err := w.touch(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.checkServed(true)
	stop()
	k.exec(`UPDATE river_queue SET updated_at = updated_at - interval '2 min'`)
	k.checkServed(false)
}

// Runs of a tenant that nobody works for are told of now and then, this worker's own and held ones never.
func TestUnservedTenants(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{})
	other, held := uuid.New(), uuid.New()
	for _, of := range []uuid.UUID{tenant, other, other, held} {
		k.enqueue(1, userstatus.Compliant, func(n *ledger.NewRun) { n.Tenant, n.Hold = of, of == held })
	}
	var said bytes.Buffer
	m := &maintenance{enqueuer: k.enqueuer, ledger: k.books, tenants: []Tenant{{ID: tenant}}, log: slog.New(slog.NewTextHandler(&said, nil))}
	for range 2 {
		if err := m.warnUnserved(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := `msg="no worker serves this tenant now: its runs wait" tenant=` + other.String() + " runs=2\n"
	if got := said.String(); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, want one line that ends in %q", got, want)
	}
}
