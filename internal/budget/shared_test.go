package budget_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/budget"
	"graphpatch/internal/postgres/pgtest"
)

// office is a database, and the processes that share a budget in it.
type office struct {
	t    *testing.T
	db   *pgtest.DB
	pool *pgxpool.Pool
	cfg  budget.Config
}

func newOffice(t *testing.T) *office {
	t.Helper()
	db := pgtest.New(t)
	o := &office{t: t, db: db, pool: db.Pool(t)}
	o.cfg = budget.Config{
		Tenant: uuid.New(), App: "app", Pool: o.pool,
		Writes: mustParse(t, "1000/2s"), Reads: mustParse(t, "1000/2s"), TenantWrites: mustParse(t, "2000/2s"),
	}
	return o
}

func (o *office) open(cfg budget.Config) *budget.Budget {
	o.t.Helper()
	b, err := budget.Open(o.t.Context(), cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(b.Close)
	return b
}

// slot waits for a slot.
func (o *office) slot(l *budget.Lane) budget.Slot {
	o.t.Helper()
	for {
		slots, wake, err := l.Take(o.t.Context(), time.Now(), 1)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(slots) > 0 {
			return slots[0]
		}
		pass(o.t, time.Until(wake))
	}
}

// eventually waits for what another process was told.
func (o *office) eventually(what string, is func() bool) {
	o.t.Helper()
	for until := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(until) {
			o.t.Fatalf("not after 20 s: %s", what)
		}
		pass(o.t, time.Millisecond)
	}
}

func (o *office) standing(app, class string) budget.Standing {
	o.t.Helper()
	standings, err := budget.Read(o.t.Context(), o.pool, o.cfg.Tenant)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, s := range standings {
		if s.App == app && s.Class == class {
			return s
		}
	}
	o.t.Fatalf("nothing is known of %q %s", app, class)
	return budget.Standing{}
}

// pass lets time pass.
func pass(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func TestOpenReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := budget.Open(t.Context(), budget.Config{})
	for _, want := range []string{"writes", "reads", "tenant's writes", "app", "pool"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing said of %s: %v", want, err)
		}
	}
}

func TestLowestLimitHolds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	low := o.cfg
	low.Writes = mustParse(t, "500/2s")
	high, slow := o.open(o.cfg), o.open(low)
	o.slot(slow.Writes)
	o.slot(high.Writes)
	if limit, own := high.Writes.InForce(); own || limit != low.Writes {
		t.Errorf("got %s, own: %v", limit, own)
	}
	if limit, own := slow.Writes.InForce(); !own || limit != low.Writes {
		t.Errorf("got %s, own: %v", limit, own)
	}
	if s := o.standing("app", "write"); s.Limit != low.Writes || s.Interval != low.Writes.Interval() {
		t.Errorf("got %+v", s)
	}
	slow.Close()
	if _, err := o.pool.Exec(t.Context(), `UPDATE budget SET quota_at = quota_at - interval '61 s'`); err != nil {
		t.Fatal(err)
	}
	pass(t, time.Until(o.slot(high.Writes).At)) // what it still had is used up
	o.eventually("its own limit is back", func() bool { o.slot(high.Writes); _, own := high.Writes.InForce(); return own })
}

// Three processes are told one after the other, and each of a hint in a row only the first counts.
func TestHintLowersTheRate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	told := func(want float64, hints ...float64) {
		t.Helper()
		b := o.open(o.cfg)
		for _, used := range hints {
			if err := b.Writes.Used(t.Context(), used); err != nil {
				t.Fatal(err)
			}
		}
		if got := o.standing("app", "write").Factor; math.Abs(got-want) > 0.02 {
			t.Errorf("after %v: got %g, want %g", hints, got, want)
		}
	}
	age := func(busy string) {
		t.Helper()
		if _, err := o.pool.Exec(t.Context(), `UPDATE budget SET busy_since = clock_timestamp() - $1::interval, factor_at = factor_at - interval '21 s'`, busy); err != nil {
			t.Fatal(err)
		}
	}
	o.slot(o.open(o.cfg).Writes)
	age("1 hour")
	told(1, 0.7, 0.99, 1.5) // our own
	told(0.65, 1.3)
	told(0.65, 1.8) // the effect of the last one is still to come
	age("1 hour")
	told(0.15, 1.45)
}

func TestGivenBackGoesToAnother(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.cfg.Writes = mustParse(t, "1/2s")
	b := o.open(o.cfg)
	o.slot(b.Writes)
	slots := []budget.Slot{o.slot(b.Writes)}
	if got, _, err := b.Writes.Take(t.Context(), time.Now(), 5); len(got) > 0 || err != nil {
		t.Fatalf("got %v, %v while the next is far", got, err)
	}
	b.Writes.GiveBack(slots)
	got, _, err := b.Writes.Take(t.Context(), time.Now(), 5)
	if err != nil || len(got) != 1 || got[0] != slots[0] {
		t.Errorf("got %v, %v, want %v", got, err, slots)
	}
}

// TestWithoutDatabase has no connection: nothing is handed out, a pause holds all the same, and is told when there is one.
func TestWithoutDatabase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	pool, err := pgxpool.New(t.Context(), o.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	cfg := o.cfg
	cfg.Pool = pool
	b := o.open(cfg)
	slot := o.slot(b.Writes)
	pass(t, time.Until(slot.At))
	rename := func(from, to string) {
		if _, err := o.pool.Exec(t.Context(), `ALTER TABLE `+from+` RENAME TO `+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("budget", "gone") // as good as no database
	slots, wake, err := b.Writes.Take(t.Context(), time.Now(), 1)
	if len(slots) > 0 || err == nil || !wake.After(time.Now()) {
		t.Errorf("got %v, ask again in %s, %v", slots, time.Until(wake), err)
	}
	pause, _, err := b.Writes.Throttled(t.Context(), time.Now(), slot, budget.Throttle{Wait: time.Minute, Reason: "429"})
	if _, paused := b.Paused(time.Now()); err == nil || !paused || time.Until(pause.Until) < 50*time.Second {
		t.Errorf("paused: %v until %s, %v", paused, pause.Until, err)
	}
	rename("gone", "budget")
	o.eventually("the database knows", func() bool { return o.standing("app", "write").Paused() })
}

func TestTakeEndsWithItsContextOrTheBudget(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	b := o.open(o.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Writes.Take(ctx, time.Now(), 1); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.Close()
	if slots, _, err := b.Reads.Take(t.Context(), time.Now(), 1); !errors.Is(err, budget.ErrClosed) {
		t.Errorf("got %v, %v", slots, err)
	}
}

func TestDistinctTargetsMakeItSuspect(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	b := o.open(o.cfg)
	for i := range byte(4) {
		for range 5 {
			if b.Faltered([16]byte{i}) {
				t.Fatalf("suspect after %d targets", i+1)
			}
		}
	}
	if !b.Faltered([16]byte{4}) {
		t.Error("not suspect after five")
	}
	b.GotThrough(budget.Slot{})
	if b.Faltered([16]byte{4}) {
		t.Error("suspect after a success")
	}
}

// BenchmarkTake is what a slot costs, at a limit that does not hold anybody up.
func BenchmarkTake(b *testing.B) {
	db := pgtest.New(b)
	pool, err := pgxpool.New(b.Context(), db.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(b.Context(), `SELECT budget_open($1, 'a', 'write', '1/1s', '1 us')`, uuid.Nil); err != nil {
		b.Fatal(err)
	}
	for _, want := range []int{1, 100} {
		b.Run(strconv.Itoa(want), func(b *testing.B) {
			var slots int
			for b.Loop() {
				var n int
				if err := pool.QueryRow(b.Context(), `SELECT granted FROM budget_reserve($1, 'a', 'write', $2, '200 ms', '50 ms', '1 h', '1/1s', '1 us', NULL, NULL, NULL, NULL)`,
					uuid.Nil, want).Scan(&n); err != nil {
					b.Fatal(err)
				}
				slots += n
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(slots), "ns/slot")
		})
	}
}
