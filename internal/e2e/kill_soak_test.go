package e2e

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A worker is killed every 5 to 8 s and replaced, in the midst of faults. Nothing is helped along: leases end and jobs are
// rescued by the clock alone.
func TestChaosKill(t *testing.T) {
	soak(t)
	const rows = 10_000
	k := newKilling(t, 4, "2000/20s")
	run := k.enqueue(rows)
	begun := time.Now()
	settled := func() int { return k.books.count(`SELECT settled FROM run_count WHERE run = $1`, run) }
	struck, kills := 0, 0
	for settled() < rows*9/10 && time.Since(begun) < 2*time.Minute {
		k.pass(5*time.Second + rand.N(3*time.Second))
		victim := rand.IntN(len(k.workers))
		if settled() > 0 && k.busy() >= 0 {
			victim = k.busy()
		}
		struck += k.strike(max(victim, 0))
		kills++
	}
	for settled() < rows {
		if time.Since(begun) > 8*time.Minute {
			t.Fatalf("only %d of %d rows are settled after 8 minutes, %d kills", settled(), rows, kills)
		}
		k.pass(time.Second)
	}
	lasted := time.Since(begun).Round(time.Second)
	longest := k.longestStand()
	if longest > 2*time.Minute {
		t.Errorf("a row stood %s after a kill before anything happened to it", longest)
	}
	k.checkKills(run, rows)
	unknown := k.books.count(`SELECT count(*) FROM audit_event WHERE outcome = 'unknown'`)
	if struck == 0 {
		t.Error("nothing was in flight at any kill: the kills missed")
	}
	t.Logf("%d kills in %s, %d rows in flight at them, %d unknown; %d updates sent for %d rows, %d answered with a fault or a limit; a row stood at most %s",
		kills, lasted, struck, unknown, len(patches(k.kit, k.root)), rows,
		k.books.count(`SELECT count(*) FROM audit_event WHERE method = 'PATCH' AND NOT final`), longest.Round(100*time.Millisecond))
}

// longestStand is the longest time between a kill and the event of a request that was in flight at it.
func (k *killing) longestStand() (longest time.Duration) {
	k.tb.Helper()
	for id, at := range k.flying {
		recorded := query[time.Time](k.kit, `SELECT coalesce(max(recorded_at), 'epoch') FROM audit_event WHERE client_request_id = $1`, id)
		longest = max(longest, recorded.Sub(at))
	}
	return longest
}
