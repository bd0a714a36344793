package budget_test

import (
	"testing"
	"time"

	"graphpatch/internal/budget"
)

// TestOneBurstIsOneStrike has two processes, both classes and twenty answers.
func TestOneBurstIsOneStrike(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one, two := o.open(o.cfg), o.open(o.cfg)
	slot, other := o.slot(one.Writes), o.slot(two.Writes)
	pause, news, err := one.Writes.Throttled(t.Context(), time.Now(), slot, budget.Throttle{TooMany: true, Reason: "429"})
	if err != nil || !news || pause.Strikes != 1 || pause.Asked || pause.Reason != "429" {
		t.Fatalf("got %+v, news %v, %v", pause, news, err)
	}
	for range 20 {
		if _, news, err := two.Writes.Throttled(t.Context(), time.Now(), other, budget.Throttle{TooMany: true, Reason: "429"}); news || err != nil {
			t.Fatalf("news: %v, %v", news, err)
		}
	}
	for _, class := range []string{"read", "write"} {
		if s := o.standing("app", class); s.Pause.Strikes != 1 || !s.Paused() {
			t.Errorf("%s: %+v", class, s)
		}
	}
	if got := o.standing("app", "write").Factor; got != 0.9 {
		t.Errorf("the factor is %g", got)
	}
	if got := o.standing("app", "read").Factor; got != 1 {
		t.Errorf("the factor of reads is %g", got)
	}
	o.eventually("the other one knows", func() bool { p, ok := two.Paused(time.Now()); return ok && p.Strikes == 1 })
	if two.Writes.Due(other, other.At) {
		t.Error("a slot in the pause is due")
	}
	if s := o.slot(two.Reads); s.At.Before(pause.Until.Add(-50 * time.Millisecond)) {
		t.Errorf("a read %s before the end of the pause", pause.Until.Sub(s.At))
	}
}

func TestSuccessEndsTheCount(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one, two := o.open(o.cfg), o.open(o.cfg)
	before := o.slot(one.Writes)
	if _, news, err := one.Writes.Down(t.Context(), time.Now(), before); !news || err != nil {
		t.Fatal(news, err)
	}
	o.eventually("the other one probes", two.Probing)
	two.GotThrough(before)
	o.eventually("nobody probes", func() bool { return !one.Probing() && !two.Probing() })
	if got := o.standing("app", "write").Pause; got.Strikes != 1 || got.Down {
		t.Errorf("a success from before: %+v", got)
	}
	two.GotThrough(o.slot(two.Writes))
	o.eventually("the count ends", func() bool { p, _ := one.Paused(time.Now()); return p.Strikes == 0 })
	if got := o.standing("app", "write"); got.Pause.Strikes != 0 || got.Factor != 1 {
		t.Errorf("a success after the pause: %+v", got)
	}
}

// TestPauseCountsFromTheAnswer tells that a database which is slow to hear of it makes a pause no longer.
func TestPauseCountsFromTheAnswer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	b := o.open(o.cfg)
	slot := o.slot(b.Writes)
	pass(t, time.Until(slot.At))
	answered := time.Now()
	pass(t, time.Second) // it was busy, say
	pause, news, err := b.Writes.Throttled(t.Context(), answered, slot, budget.Throttle{Wait: time.Minute})
	if over := pause.Until.Sub(answered) - time.Minute; over < 0 || over > 500*time.Millisecond || !news || err != nil {
		t.Errorf("%s longer than asked, news: %v, %v", over, news, err)
	}
}

// TestPauseOfTheTenant tells that it holds for its other apps, also for one that comes later.
func TestPauseOfTheTenant(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	one := o.open(o.cfg)
	other, third := o.cfg, o.cfg
	other.App, third.App = "other", "third"
	two := o.open(other)
	wait := budget.Throttle{Wait: time.Minute, Reason: "429"}
	if _, _, err := one.Writes.Throttled(t.Context(), time.Now(), o.slot(one.Writes), wait); err != nil {
		t.Fatal(err)
	}
	if _, paused := two.Paused(time.Now()); paused {
		t.Error("the other app is paused")
	}
	wait.Tenant, wait.Wait = true, 2*time.Minute
	if _, _, err := two.Reads.Throttled(t.Context(), time.Now(), o.slot(two.Reads), wait); err != nil {
		t.Fatal(err)
	}
	o.eventually("the first app knows", func() bool {
		p, ok := one.Paused(time.Now())
		return ok && time.Until(p.Until) > 90*time.Second
	})
	if p, ok := o.open(third).Paused(time.Now()); !ok || !p.Asked {
		t.Errorf("an app that comes later: %+v", p)
	}
	slots, wake, err := one.Writes.Take(t.Context(), time.Now(), 1)
	if len(slots) > 0 || err != nil || time.Until(wake) < 90*time.Second {
		t.Errorf("got %v, ask again in %s, %v", slots, time.Until(wake), err)
	}
}
