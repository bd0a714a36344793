package jobs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

func TestWorkerOfNoTenantOrNoPlace(t *testing.T) {
	const id = "11111111-1111-4111-8111-111111111111"
	for want, tenants := range map[string][]Tenant{
		"no tenant to work for": nil,
		"the tenant " + id + ": 0 slices at once: at least one is needed": {{ID: tenant}},
	} {
		if _, err := NewWorker(WorkerConfig{Tenants: tenants}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestEachTenantHasItsQueue(t *testing.T) {
	other := uuid.MustParse("22222222-2222-4222-8222-222222222222")
	got := WorkerConfig{Tenants: []Tenant{{ID: tenant, AtOnce: 3}, {ID: other, AtOnce: 5}, {ID: other, AtOnce: 2}}}.queues()
	want := map[string]river.QueueConfig{
		"control": {MaxWorkers: 1},
		"tenant_11111111111141118111111111111111": {MaxWorkers: 3},
		"tenant_22222222222242228222222222222222": {MaxWorkers: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
