package budget_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/budget"
)

// role is what one process of a test does: it sends, as far as that goes, what its callers get slots for.
type role struct {
	URL           string
	Tenant        uuid.UUID
	App           string
	Limit         string
	TenantLimit   string
	Callers, Want int
	Offset        time.Duration // of its own clock
	Throttled     bool          // each answer is a 429 that names no time
}

// account is what a process says it did, in nanoseconds of the machine's clock, which all processes share.
type account struct {
	Sent   []int64
	Late   int     // slots that were had and not used
	Paused []int64 // when it learnt of a pause from Graph
	Errors int
}

const partVariable = "BUDGET_TEST_PART"

// isPart plays a process of a test, if that is what this one is.
func isPart() bool {
	var r role
	text := os.Getenv(partVariable)
	if text == "" {
		return false
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		panic(err)
	}
	r.play()
	return true
}

// bootTime is the machine's clock, which nobody sets and which goes on while a process is stopped.
func bootTime() int64 {
	var ts syscall.Timespec
	const boot = 7 // CLOCK_BOOTTIME
	if _, _, e := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, boot, uintptr(unsafe.Pointer(&ts)), 0); e != 0 {
		panic(e)
	}
	return ts.Nano()
}

// actor is a role at work.
type actor struct {
	role
	b    *budget.Budget
	mu   sync.Mutex
	last budget.Slot
	did  account
}

func (r role) now() time.Time { return time.Now().Add(r.Offset) }

func (r role) config(pool *pgxpool.Pool) budget.Config {
	limit, err := budget.ParseLimit(r.Limit)
	if err != nil {
		panic(err)
	}
	above, err := budget.ParseLimit(r.TenantLimit)
	if err != nil {
		panic(err)
	}
	return budget.Config{Tenant: r.Tenant, App: r.App, Writes: limit, Reads: limit, TenantWrites: above, Pool: pool, Now: r.now}
}

// play works until its standard input ends, and pauses when it is told to on a line.
func (r role) play() {
	ctx, cancel := context.WithCancel(context.Background())
	pool, err := pgxpool.New(ctx, r.URL+" pool_max_conns=3")
	if strings.Contains(r.URL, "://") {
		pool, err = pgxpool.New(ctx, r.URL+"&pool_max_conns=3")
	}
	if err != nil {
		panic(err)
	}
	b, err := budget.Open(ctx, r.config(pool))
	if err != nil {
		panic(err)
	}
	a := &actor{role: r, b: b}
	var callers sync.WaitGroup
	for range r.Callers {
		callers.Go(func() { a.call(ctx) })
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		wait, err := time.ParseDuration(in.Text())
		if err != nil {
			panic(err)
		}
		a.pause(ctx, wait)
	}
	cancel()
	callers.Wait()
	b.Close()
	pool.Close()
	if err := json.NewEncoder(os.Stdout).Encode(a.did); err != nil {
		panic(err)
	}
}

func (a *actor) call(ctx context.Context) {
	var flying sync.WaitGroup
	defer flying.Wait()
	for ctx.Err() == nil {
		slots, wake, err := a.b.Writes.Take(ctx, a.now(), a.Want)
		if err != nil {
			a.mu.Lock()
			a.did.Errors++
			a.mu.Unlock()
		}
		for _, slot := range slots {
			flying.Go(func() {
				if a.until(ctx, slot.At) {
					a.send(ctx, slot)
				}
			})
		}
		if len(slots) == 0 {
			a.until(ctx, wake)
		}
	}
}

func (a *actor) until(ctx context.Context, at time.Time) bool {
	select {
	case <-time.After(at.Sub(a.now())):
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *actor) send(ctx context.Context, slot budget.Slot) {
	at := bootTime()
	due := a.b.Writes.Due(slot, a.now())
	a.mu.Lock()
	if due {
		a.last = slot
		a.did.Sent = append(a.did.Sent, at)
	} else {
		a.did.Late++
	}
	a.mu.Unlock()
	switch {
	case due && a.Throttled:
		a.b.Writes.Throttled(ctx, a.now(), slot, budget.Throttle{Reason: "429"})
	case due:
		a.b.GotThrough(slot)
	}
}

// pause lets Graph have answered to the last request that was sent.
func (a *actor) pause(ctx context.Context, wait time.Duration) {
	a.mu.Lock()
	slot := a.last
	a.did.Paused = append(a.did.Paused, bootTime())
	a.mu.Unlock()
	if _, _, err := a.b.Writes.Throttled(ctx, a.now(), slot, budget.Throttle{Wait: wait, Reason: "429"}); err != nil {
		panic(err)
	}
}

// part is such a process, seen from the test.
type part struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin interface {
		Write(p []byte) (int, error)
		Close() error
	}
	lines *bufio.Scanner
}

func (r role) start(t testing.TB) *part {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), partVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = t.Output()
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &part{t: t, cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	p.lines.Buffer(nil, 1<<24)
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return p
}

// startAll starts processes and returns when all of them are at work.
func startAll(t testing.TB, roles ...role) []*part {
	t.Helper()
	parts := make([]*part, len(roles))
	for i, r := range roles {
		parts[i] = r.start(t)
	}
	for _, p := range parts {
		if p.lines.Scan(); p.lines.Text() != "ready" {
			t.Fatalf("a process says %q", p.lines.Text())
		}
	}
	return parts
}

// tell tells a process to pause.
func (p *part) tell(wait time.Duration) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, wait); err != nil {
		p.t.Fatal(err)
	}
}

func (p *part) signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// endAll ends processes and returns what they did.
func endAll(t testing.TB, parts []*part) []account {
	t.Helper()
	accounts := make([]account, len(parts))
	for _, p := range parts {
		p.stdin.Close()
	}
	for i, p := range parts {
		p.lines.Scan()
		if err := json.Unmarshal(p.lines.Bytes(), &accounts[i]); err != nil {
			t.Fatalf("process %d says %q", i, p.lines.Text())
		}
		if err := p.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	return accounts
}
