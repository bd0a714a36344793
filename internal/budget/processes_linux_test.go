package budget_test

import (
	"math"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"graphpatch/internal/budget"
	"graphpatch/internal/postgres/pgtest"
)

// sender is a role at 100 per 2 s, which is one request every 22 ms.
func sender(url string, tenant uuid.UUID) role {
	return role{URL: url, Tenant: tenant, App: "app", Limit: "100/2s", TenantLimit: "200/2s", Callers: 4, Want: 4}
}

// span is a time of the machine's clock in which all processes were at work.
type span struct{ from, to int64 }

func (s span) seconds() float64 { return time.Duration(s.to - s.from).Seconds() }

func (s span) count(sent []int64) (n int) {
	for _, at := range sent {
		if at >= s.from && at < s.to {
			n++
		}
	}
	return n
}

// merge returns all that was sent, in order, and how many slots were lost.
func merge(accounts []account) (sent []int64, late int) {
	for _, a := range accounts {
		sent = append(sent, a.Sent...)
		late += a.Late
	}
	slices.Sort(sent)
	return sent, late
}

// worst is the most that any window holds, with both its ends.
func worst(sent []int64, window time.Duration) (most int) {
	from := 0
	for i, at := range sent {
		for at-sent[from] > window.Nanoseconds() {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func checkWindow(t *testing.T, accounts []account, text string) {
	t.Helper()
	limit := mustParse(t, text)
	sent, late := merge(accounts)
	most := worst(sent, limit.Window)
	t.Logf("%d sent, %d slots lost, %d at most in %s", len(sent), late, most, limit.Window)
	if most > limit.Requests {
		t.Errorf("%d in one window of %s", most, limit)
	}
}

// checkUsed wants nearly all of the limit used: slots that a busy machine was late for were there all the same.
func checkUsed(t *testing.T, accounts []account, during span, text string) {
	t.Helper()
	sent, late := merge(accounts)
	possible := during.seconds() / mustParse(t, text).Interval().Seconds()
	had := float64(during.count(sent)+late) / possible
	used := float64(during.count(sent)) / possible
	t.Logf("%.3f of the limit was had, %.3f used", had, used)
	if had < 0.96 || used < 0.8 {
		t.Errorf("only %.3f of the limit was had, %.3f used", had, used)
	}
}

func checkShares(t *testing.T, accounts []account, during span, tolerance float64) {
	t.Helper()
	var shares []int
	for _, a := range accounts {
		shares = append(shares, during.count(a.Sent)+a.Late)
	}
	all := 0
	for _, share := range shares {
		all += share
	}
	mean := float64(all) / float64(len(accounts))
	t.Logf("shares: %v", shares)
	for i, share := range shares {
		if math.Abs(float64(share)-mean) > max(2, tolerance*mean) {
			t.Errorf("process %d has %d of %.1f", i, share, mean)
		}
	}
}

// TestProcessesShareOneLimit has four at work, one of them with 64 callers and one whose clock is an hour off.
func TestProcessesShareOneLimit(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one := sender(db.URL, uuid.New())
	many, off := one, one
	many.Callers = 64
	off.Offset = -time.Hour
	parts := startAll(t, one, many, off, one)
	pass(t, 500*time.Millisecond)
	during := span{from: bootTime()}
	pass(t, 5*time.Second)
	during.to = bootTime()
	accounts := endAll(t, parts)
	checkWindow(t, accounts, "100/2s")
	checkUsed(t, accounts, during, "100/2s")
	checkShares(t, accounts, during, 0.2) // a turn is 9 slots of 57
}

// TestMoreProcessesThanSlots has each wait for its turn for longer than the horizon.
func TestMoreProcessesThanSlots(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one := sender(db.URL, uuid.New())
	one.Limit, one.TenantLimit, one.Callers = "10/2s", "20/2s", 2
	parts := startAll(t, slices.Repeat([]role{one}, 8)...)
	pass(t, time.Second)
	during := span{from: bootTime()}
	pass(t, 6*time.Second)
	during.to = bootTime()
	accounts := endAll(t, parts)
	checkWindow(t, accounts, "10/2s")
	checkUsed(t, accounts, during, "10/2s")
	checkShares(t, accounts, during, 0.05)
}

// TestPauseReachesAll has one of three learn of a pause; then the row moves without a word to anybody.
func TestPauseReachesAll(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one := sender(db.URL, uuid.New())
	parts := startAll(t, one, one, one)
	pass(t, time.Second)
	parts[1].tell(1500 * time.Millisecond)
	pass(t, 2500*time.Millisecond)
	silent := bootTime()
	if _, err := db.Conn(t).Exec(t.Context(), `
		UPDATE budget SET revision = revision + 1, paused_since = clock_timestamp(), paused_until = clock_timestamp() + interval '3 s'
		WHERE tenant = $1`, one.Tenant); err != nil {
		t.Fatal(err)
	}
	pass(t, 4500*time.Millisecond)
	accounts := endAll(t, parts)
	checkWindow(t, accounts, "100/2s")
	sent, _ := merge(accounts)
	known := accounts[1].Paused[0]
	if n := (span{known + 250e6, known + 1500e6}).count(sent); n > 0 {
		t.Errorf("%d sent in the pause", n)
	}
	if n := (span{known + 1500e6, silent}).count(sent); n < 20 {
		t.Errorf("only %d sent after the pause", n)
	}
	// A process that reserves is told by the answer.
	if n := (span{silent + 1500e6, silent + 3000e6}).count(sent); n > 0 {
		t.Errorf("%d sent in the pause that nobody was told of", n)
	}
	if n := (span{silent + 3000e6, silent + 4500e6}).count(sent); n < 20 {
		t.Errorf("only %d sent after the pause that nobody was told of", n)
	}
}

// TestStoppedProcess stops one of two for longer than its slots last.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one := sender(db.URL, uuid.New())
	parts := startAll(t, one, one)
	pass(t, time.Second)
	for range 3 {
		parts[0].signal(syscall.SIGSTOP)
		stopped := span{from: bootTime()}
		pass(t, time.Second)
		parts[0].signal(syscall.SIGCONT)
		stopped.to = bootTime()
		pass(t, 500*time.Millisecond)
	}
	accounts := endAll(t, parts)
	checkWindow(t, accounts, "100/2s")
	for i, a := range accounts {
		if len(a.Sent) < 20 {
			t.Errorf("process %d sent only %d", i, len(a.Sent))
		}
	}
	// The other had all there was in those three seconds.
	if len(accounts[1].Sent) < 100 {
		t.Errorf("the other process sent only %d", len(accounts[1].Sent))
	}
}

// TestTenantsStandAlone has one tenant throttled for ever, and the other not know of it.
func TestTenantsStandAlone(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	bad, good := sender(db.URL, uuid.New()), sender(db.URL, uuid.New())
	bad.Throttled = true
	parts := startAll(t, bad, bad, good)
	pass(t, 500*time.Millisecond)
	during := span{from: bootTime()}
	pass(t, 5*time.Second)
	during.to = bootTime()
	accounts := endAll(t, parts)
	checkUsed(t, accounts[2:], during, "100/2s")
	// 1 s, 2 s and 4 s of backoff, and what was on its way before each pause was known.
	if sent, _ := merge(accounts[:2]); len(sent) < 2 || len(sent) > 15 {
		t.Errorf("the throttled tenant was sent %d", len(sent))
	}
	standings, err := budget.Read(t.Context(), db.Pool(t), bad.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range standings {
		if wantStrikes := s.App != ""; (s.Pause.Strikes > 1) != wantStrikes {
			t.Errorf("%q %s: %d strikes", s.App, s.Class, s.Pause.Strikes)
		}
	}
}
