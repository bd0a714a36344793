package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

// What is worked before a run or in turns with it: a higher priority and the same; no run that is held, is done, or is
// another tenant's.
func TestAhead(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	user := 0
	add := func(rows, priority int, change ...func(*NewRun)) int64 {
		t.Helper()
		var updates []userstatus.Update
		for range rows {
			user++
			updates = append(updates, want(user, userstatus.Compliant))
		}
		n := k.newRun(updates)
		n.Priority = priority
		for _, c := range change {
			c(&n)
		}
		if err := k.importRun(n, rowsOf(updates)); err != nil {
			t.Fatal(err)
		}
		return n.ID
	}
	older, done := add(3, 2), add(1, 1)
	k.settle(k.run(done), "applied")
	add(1, 1, func(n *NewRun) { n.Hold = true })
	add(1, 1, func(n *NewRun) { n.Tenant = uuid.New() })
	mine, urgent := add(2, 2), add(4, 1)
	younger := add(1, 2)
	add(1, 3)
	for _, test := range []struct {
		priority int
		run      int64
		want     []Waiting
	}{
		{2, mine, []Waiting{{urgent, 1, 4, 4}, {older, 2, 3, 3}, {younger, 2, 1, 1}}},
		{1, urgent, []Waiting{}},
		{1, NoRunYet, []Waiting{{urgent, 1, 4, 4}}},
	} {
		got, err := k.Ahead(t.Context(), tenant, test.priority, test.run)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, test.want); diff != "" {
			t.Errorf("before run %d (-got +want):\n%s", test.run, diff)
		}
	}
}
