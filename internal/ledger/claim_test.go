package ledger

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"graphpatch/internal/userstatus"
)

func TestClaimSettlesOnce(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant), want(2, userstatus.Error))
	claims := k.claimAll(run)
	for _, c := range claims {
		if c.Fate != Claimed || c.Send.Asks() != userstatus.Status {
			t.Fatalf("got %+v, want it claimed whole", c)
		}
	}
	if busy := k.claimAll(run); busy[0].Fate != Busy || busy[1].Fate != Busy {
		t.Errorf("claimed twice: %+v", busy)
	}
	got := k.record(answer(run, claims[0], "applied", "applied"), answer(run, claims[1], "rejected", "rejected"))
	if diff := cmp.Diff([]Recorded{{Settled: true}, {Settled: true}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if open := k.open(run); len(open) != 0 {
		t.Errorf("%d rows are still open", len(open))
	}
	if p := k.progress(run); p.State != Finished || p.Applied != 1 || p.Rejected != 1 || p.Settled != 2 {
		t.Errorf("got %+v", p)
	}
	if got := k.events(run, 0); !slices.Equal(got, []string{"enqueued", "finished"}) {
		t.Errorf("the run's own events: %v", got)
	}
}

func TestNothingIsClaimedOfARunThatStandsStill(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	open := k.open(run)
	if err := k.Hold(t.Context(), run.ID, "me", "lunch"); err != nil {
		t.Fatal(err)
	}
	claims, state, err := k.Claim(t.Context(), run, wishesFor(open))
	if err != nil {
		t.Fatal(err)
	}
	if state != Held || claims[0].Fate != Busy {
		t.Errorf("got state %s and fate %d, want held and nothing claimed", state, claims[0].Fate)
	}
	if n := k.count(`SELECT count(*) FROM in_flight`); n != 0 {
		t.Errorf("%d rows in flight", n)
	}
}

func TestNewerUpdatesSupersedeByProperty(t *testing.T) {
	name := func(u userstatus.Update) userstatus.Update {
		u.Wanted.UserDisplayName = userstatus.Of("Ada")
		return u
	}
	onlyName := func() userstatus.Update {
		u := name(want(1, userstatus.Compliant))
		u.Wanted.Status = userstatus.Value[userstatus.ComplianceStatus]{}
		return u
	}
	old := func() userstatus.Update { return name(want(1, userstatus.Compliant)) }
	for _, c := range []struct {
		name  string
		newer func(k *kit) // what happens after the old run was imported
		fate  Fate
		send  userstatus.Properties
	}{
		{"nothing newer", func(*kit) {}, Claimed, userstatus.Status | userstatus.UserDisplayName},
		{"another target", func(k *kit) { k.imported(want(2, userstatus.Error)) }, Claimed, userstatus.Status | userstatus.UserDisplayName},
		{"one property, running", func(k *kit) { k.imported(want(1, userstatus.Error)) }, Claimed, userstatus.UserDisplayName},
		{"both properties, in two runs", func(k *kit) {
			k.imported(want(1, userstatus.Error))
			k.imported(onlyName())
		}, Superseded, 0},
		{"both properties, running", func(k *kit) { k.imported(old()) }, Superseded, 0},
		{"both properties, applied and finished", func(k *kit) { k.settle(k.imported(old()), "applied") }, Superseded, 0},
		{"both properties, failed: it may have reached Graph", func(k *kit) { k.settle(k.imported(old()), "failed") }, Superseded, 0},
		{"rejected", func(k *kit) { k.settle(k.imported(old()), "rejected") }, Claimed, userstatus.Status | userstatus.UserDisplayName},
		{"held", func(k *kit) {
			if err := k.Hold(k.t.Context(), k.imported(old()).ID, "me", ""); err != nil {
				k.t.Fatal(err)
			}
		}, Claimed, userstatus.Status | userstatus.UserDisplayName},
		{"cancelled", func(k *kit) {
			if err := k.Cancel(k.t.Context(), k.imported(old()).ID, "me", ""); err != nil {
				k.t.Fatal(err)
			}
		}, Claimed, userstatus.Status | userstatus.UserDisplayName},
		{"cancelled after an attempt that may have reached Graph", func(k *kit) {
			newer := k.imported(old())
			k.record(answer(newer, k.claimOne(newer), "transient", ""))
			if err := k.Cancel(k.t.Context(), newer.ID, "me", ""); err != nil {
				k.t.Fatal(err)
			}
		}, Superseded, 0},
		{"cancelled after it was throttled", func(k *kit) {
			newer := k.imported(old())
			k.record(answer(newer, k.claimOne(newer), "throttled", ""))
			if err := k.Cancel(k.t.Context(), newer.ID, "me", ""); err != nil {
				k.t.Fatal(err)
			}
		}, Claimed, userstatus.Status | userstatus.UserDisplayName},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			run := k.imported(old())
			c.newer(k)
			got := k.claimOne(run)
			if got.Fate != c.fate || got.Send.Asks() != c.send {
				t.Errorf("got fate %d sending %q, want %d sending %q", got.Fate, got.Send.Asks(), c.fate, c.send)
			}
			if c.fate == Superseded {
				if events := k.events(run, 1); !slices.Equal(events, []string{"superseded!"}) {
					t.Errorf("got events %v", events)
				}
				if p := k.progress(run); p.State != Finished || p.Superseded != 1 {
					t.Errorf("got %+v", p)
				}
			}
		})
	}
}

// Two rows of one file for one status: the later one wins, whichever is claimed first.
func TestLastRowOfAFileWins(t *testing.T) {
	k := newKit(t)
	updates := []userstatus.Update{want(1, userstatus.Compliant), want(1, userstatus.Error)}
	n := k.newRun(updates)
	n.Options.Duplicates = true
	if err := k.importRun(n, rowsOf(updates)); err != nil {
		t.Fatal(err)
	}
	run := k.run(n.ID)
	open := k.open(run)
	first, _, err := k.Claim(t.Context(), run, wishesFor(open[:1]))
	if err != nil {
		t.Fatal(err)
	}
	if first[0].Fate != Superseded {
		t.Errorf("the earlier row: got fate %d, want superseded", first[0].Fate)
	}
	if second := k.claimOne(run); second.Fate != Claimed || second.Row.Row != 2 {
		t.Errorf("the later row: got %+v", second)
	}
}

// A claim that waited for a lock while a newer run was imported, sent and settled must see that run: otherwise the old
// value would be sent last.
func TestClaimLooksAfterItHasTheLock(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	open := k.open(run)
	// Somebody else holds the target, not yet committed.
	other := k.begin()
	if _, err := other.Exec(t.Context(), `
		INSERT INTO in_flight (target, run, row, client_request_id, worker) VALUES ($1, $2, 1, $3, 'other')`,
		open[0].Key, run.ID, uuid.New()); err != nil {
		t.Fatal(err)
	}
	done := make(chan []Claim, 1)
	go func() {
		claims, _, err := k.Claim(t.Context(), run, wishesFor(open))
		if err != nil {
			t.Error(err)
		}
		done <- claims
	}()
	k.awaitBlocked(1)
	newer := k.imported(want(1, userstatus.Error))
	newerOpen := k.open(newer)
	k.exec(`INSERT INTO audit_event (run, row, outcome, final) VALUES ($1, $2, 'applied', true)`, newer.ID, newerOpen[0].Row)
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if claims := <-done; len(claims) != 1 || claims[0].Fate != Superseded {
		t.Errorf("got %+v, want superseded by run %d", claims, newer.ID)
	}
}

func TestSettledRowIsNotSentAgain(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant), want(2, userstatus.Compliant))
	open := k.open(run) // what a second worker on the same slice has read
	k.record(answer(run, k.claimAll(run)[0], "applied", "applied"))
	claims, _, err := k.as("worker-2").Claim(t.Context(), run, wishesFor(open[:1]))
	if err != nil {
		t.Fatal(err)
	}
	if claims[0].Fate != Settled {
		t.Errorf("got fate %d, want settled", claims[0].Fate)
	}
	if n := k.count(`SELECT count(*) FROM in_flight WHERE worker = 'worker-2'`); n != 0 {
		t.Errorf("%d rows of worker-2 are left in flight", n)
	}
}

func TestUnclaim(t *testing.T) {
	k := newKit(t)
	run := k.imported(want(1, userstatus.Compliant))
	c := k.claimOne(run)
	if err := k.Unclaim(t.Context(), []Claim{c}); err != nil {
		t.Fatal(err)
	}
	if again := k.claimOne(run); again.Fate != Claimed {
		t.Errorf("got fate %d, want it claimed anew", again.Fate)
	}
	if events := k.events(run, 1); len(events) != 0 {
		t.Errorf("a request that never left has events: %v", events)
	}
}
