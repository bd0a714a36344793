package budget

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"graphpatch/internal/postgres/pgtest"
)

// leastFactor is as far down as the rate goes.
const leastFactor = 0.05

// lowerFactor is the factor after Graph showed that the rate is too high.
func lowerFactor(factor float64, since, at time.Time) float64 {
	return max(leastFactor, lowered*factorAt(factor, since, at))
}

// What a hint does to the factor.
const (
	hintRoom  = 0.95 // of the limit is to be used, by us and by others
	hintNoise = 0.05 // others use that little: it may be our own requests, counted otherwise
)

// easedFactor is the factor that a hint asks for. used is the part of the limit that Graph says is used in its window, of
// which as much is ours as slots have lain in it without a gap: busyFor. While that is less than the window, nothing of it
// ends yet, so that the room which is left must do until the window is over.
func easedFactor(factor, used float64, busyFor time.Duration) float64 {
	window := heldFor.Seconds()
	busy := min(window, max(0, seconds(busyFor)))
	others := used - factor*busy/window
	if used < hintsFrom || others <= hintNoise {
		return factor
	}
	wanted := hintRoom - others
	if busy < window {
		wanted = min(wanted, (hintRoom-used)*window/(window-busy))
	}
	return min(factor, max(leastFactor, wanted))
}

// line is a row of the table, and the verbs below are what the database's functions do to it: the arithmetic of the
// budget in Go, as what the SQL is held against.
type line struct {
	TAT       time.Time
	Quota     string
	Every     time.Duration
	QuotaAt   time.Time
	Factor    float64
	FactorAt  time.Time
	BusySince time.Time
	Halt      halt
	Restarted bool // the server is another one than the row was last written on
}

func (r line) visited(limit string, every time.Duration, seen, start, at time.Time) line {
	r.TAT = later(r.TAT, seen)
	if every >= r.Every || r.QuotaAt.Before(at.Add(-time.Minute)) {
		r.Quota, r.Every, r.QuotaAt = limit, every, at
	}
	if r.Restarted {
		r.Restarted = false
		r.TAT = later(r.TAT, start.Add(10*time.Second))
	}
	return r
}

// reserve takes up to want slots from two rows that were visited; no slot lies before the lead is over.
func reserve(mine, above *line, want int, at time.Time, lead, horizon time.Duration) (n int, first time.Time, step time.Duration) {
	step = max(stepAt(mine.Every, factorAt(mine.Factor, mine.FactorAt, at)), above.Every)
	first = at.Add(lead)
	for _, t := range []time.Time{mine.TAT, mine.Halt.Until, above.TAT, above.Halt.Until} {
		first = later(first, t)
	}
	if first.After(at.Add(horizon)) {
		return 0, first, step
	}
	n = max(1, min(want, int(lease/step)))
	mine.BusySince = later(mine.BusySince, mine.TAT.Add(-heldFor)).Add(max(0, first.Sub(mine.TAT)))
	if mine.BusySince.After(first) {
		mine.BusySince = first
	}
	mine.TAT = first.Add(time.Duration(n) * step)
	above.TAT = first.Add(time.Duration(n) * above.Every)
	return n, first, step
}

func (r line) struck(b blow, lower bool, at time.Time, jitter float64) (after line, news bool) {
	before := r.Halt
	if r.Halt, news = before.struck(b, at, jitter); news && lower && b.tooMany {
		r.Factor, r.FactorAt = lowerFactor(r.Factor, r.FactorAt, at), later(at, r.Halt.Until)
	}
	if r.Halt != before {
		r.Halt.Revision++
	}
	return r, news
}

func (r line) through(slot time.Time) line {
	before := r.Halt
	if r.Halt = before.through(slot); r.Halt != before {
		r.Halt.Revision++
	}
	return r
}

func (r line) eased(used float64, at time.Time) line {
	now := factorAt(r.Factor, r.FactorAt, at)
	if wanted := easedFactor(now, used, at.Sub(r.BusySince)); wanted < now && r.FactorAt.Before(at.Add(-heldFor)) {
		r.Factor, r.FactorAt = wanted, at
	}
	return r
}

// TestReservationStory is the arithmetic at 100/20s below the tenant's 200/20s, one step after the other.
func TestReservationStory(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(0, 0)
	noon := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	const every, above = 202 * time.Millisecond, 102 * time.Millisecond
	app := line{Every: every, Factor: 1, TAT: epoch, Halt: halt{Until: epoch}}
	other, top := app, line{Every: above, Factor: 1, TAT: epoch, Halt: halt{Until: epoch}}
	for i, step := range []struct {
		who     *line
		at      time.Duration
		horizon time.Duration
		n       int
		first   time.Duration
	}{
		{&app, 0, horizon, 1, 50 * time.Millisecond},                         // the lead
		{&app, 0, horizon, 1, 252 * time.Millisecond},                        // its own interval later
		{&other, 0, horizon, 1, 354 * time.Millisecond},                      // the tenant's interval later
		{&app, 0, horizon, 1, 456 * time.Millisecond},                        //
		{&app, 0, 500 * time.Millisecond, 0, 658 * time.Millisecond},         // too far
		{&app, 0, idleHorizon, 1, 658 * time.Millisecond},                    // not for one that has none
		{&app, time.Hour, horizon, 1, time.Hour + 50*time.Millisecond},       // no burst makes up for idling
		{&app, time.Hour, horizon, 1, time.Hour + 252*time.Millisecond},      //
		{&other, 2 * time.Hour, horizon, 1, 2*time.Hour + leastLead},         //
		{&other, 2 * time.Hour, horizon, 1, 2*time.Hour + leastLead + every}, //
	} {
		n, first, _ := reserve(step.who, &top, 100, noon.Add(step.at), leastLead, step.horizon)
		if n != step.n || first.Sub(noon) != step.first {
			t.Errorf("step %d: got %d from %s, want %d from %s", i, n, first.Sub(noon), step.n, step.first)
		}
	}
}

func TestFactorStory(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	factor, since := lowerFactor(1, time.Unix(0, 0), noon), noon
	for _, step := range []struct{ seconds, want float64 }{
		{0, 0.9}, {20, 0.9}, {35, 0.9578125}, {50, 0.9875}, {65, 0.9984375}, {80, 1}, {1e6, 1},
	} {
		got := factorAt(factor, since, noon.Add(time.Duration(step.seconds*float64(time.Second))))
		if math.Abs(got-step.want) > 1e-9 {
			t.Errorf("after %.1f s: got %g, want %g", step.seconds, got, step.want)
		}
	}
	// Beyond where it fell from it grows faster and faster.
	for _, step := range []struct{ seconds, want float64 }{{80, 0.5}, {110, 0.50625}, {140, 0.55}, {170, 0.66875}, {200, 0.9}, {220, 1}} {
		got := factorAt(0.45, since, noon.Add(time.Duration(step.seconds*float64(time.Second))))
		if math.Abs(got-step.want) > 1e-9 {
			t.Errorf("after %.1f s: got %g of 0.5, want %g", step.seconds, got, step.want)
		}
	}
	for range 30 {
		factor = lowerFactor(factor, noon, noon)
	}
	if factor != leastFactor {
		t.Errorf("got %g at the least, want %g", factor, leastFactor)
	}
	if got, want := stepAt(202*time.Millisecond, leastFactor), 4040*time.Millisecond; got != want {
		t.Errorf("interval at the least: got %s, want %s", got, want)
	}
}

func TestHintStory(t *testing.T) {
	t.Parallel()
	for _, step := range []struct {
		why                string
		factor, used, busy float64
		want               float64
	}{
		{"all of it is ours", 1, 0.99, 60, 1},
		{"little is others', or ours counted otherwise", 1, 1.04, 60, 1},
		{"others use a half", 1, 1.5, 60, 0.45},
		{"and go on", 0.45, 0.95, 60, 0.45},
		{"there is room left", 0.3, 0.79, 60, 0.3},
		{"others are there first, and leave a tenth", 1, 0.85, 0, 0.1},
		{"and a half, of which a fifth was ours in 4 s", 1, 0.8, 4, 0.1875},
		{"others use four fifths", 1, 1.8, 60, 0.15},
		{"others use more than all", 0.2, 1.3, 60, leastFactor},
	} {
		got := easedFactor(step.factor, step.used, time.Duration(step.busy*float64(time.Second)))
		if math.Abs(got-step.want) > 1e-9 {
			t.Errorf("%s: got %g, want %g", step.why, got, step.want)
		}
	}
}

// TestDatabaseReckonsAlike holds the SQL against the Go above, over random stories.
func TestDatabaseReckonsAlike(t *testing.T) {
	t.Parallel()
	conn := pgtest.New(t).Conn(t)
	// Whatever became of the server that the tests share.
	if _, err := conn.Exec(t.Context(), `CREATE OR REPLACE FUNCTION budget_crashed() RETURNS boolean LANGUAGE sql AS 'SELECT true'`); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		newTale(t, conn, seed).tell(60)
	}
}

// tale is one random story, told to both.
type tale struct {
	t      *testing.T
	conn   *pgx.Conn
	random *rand.Rand
	tenant uuid.UUID
	start  time.Time
	rows   map[string]*line // by app/class
	at     time.Time        // of the last step, on the database's clock
}

func newTale(t *testing.T, conn *pgx.Conn, seed uint64) *tale {
	s := &tale{t: t, conn: conn, random: rand.New(rand.NewPCG(seed, 1)), tenant: uuid.New(), rows: map[string]*line{}}
	for _, app := range []string{"", "a", "b"} {
		for _, class := range []string{"read", "write"} {
			s.exec(`SELECT budget_open($1, $2, $3, '100/20s', '202 ms')`, s.tenant, app, class)
			r, _ := s.read(app, class)
			s.rows[app+"/"+class] = &r
		}
	}
	s.scan(`SELECT pg_postmaster_start_time()`, nil, &s.start)
	return s
}

func (s *tale) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.Exec(context.Background(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *tale) scan(sql string, args []any, into ...any) {
	s.t.Helper()
	if err := s.conn.QueryRow(context.Background(), sql, args...).Scan(into...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *tale) read(app, class string) (r line, now time.Time) {
	s.t.Helper()
	h := &r.Halt
	s.scan(`SELECT tat, quota, every, quota_at, factor, factor_at, busy_since, revision, paused_since, paused_until, asked, down, strikes, reason,
		started <> pg_postmaster_start_time(), clock_timestamp() FROM budget WHERE tenant = $1 AND app = $2 AND class = $3`, []any{s.tenant, app, class},
		&r.TAT, &r.Quota, &r.Every, &r.QuotaAt, &r.Factor, &r.FactorAt, &r.BusySince, &h.Revision, &h.Since, &h.Until, &h.Asked, &h.Down, &h.Strikes, &h.Reason,
		&r.Restarted, &now)
	return r, now
}

func (s *tale) tell(steps int) {
	s.t.Helper()
	for i := range steps {
		app, class := []string{"a", "b"}[s.random.IntN(2)], []string{"read", "write"}[s.random.IntN(2)]
		var what string
		switch s.random.IntN(7) {
		case 0, 1, 2:
			what = s.reserve(app, class)
		case 3:
			what = s.strike(app, class)
		case 4:
			what = s.through(app)
		case 5:
			what = s.age()
		case 6:
			what = s.ease(app, class)
		}
		for key, want := range s.rows {
			a, c, _ := cutKey(key)
			got, _ := s.read(a, c)
			if diff := cmp.Diff(got, *want); diff != "" {
				s.t.Fatalf("step %d, %s: row %s (-got +want):\n%s", i, what, key, diff)
			}
		}
	}
}

func cutKey(key string) (app, class string, ok bool) {
	for i := range key {
		if key[i] == '/' {
			return key[:i], key[i+1:], true
		}
	}
	return "", "", false
}

func (s *tale) reserve(app, class string) string {
	limit := []Limit{{100, 20 * time.Second}, {50, 20 * time.Second}, {3000, 20 * time.Second}, {900, time.Second}}[s.random.IntN(4)]
	above := Limit{limit.Requests * (1 + s.random.IntN(3)), limit.Window}
	every, everyAbove := wholeMicroseconds(limit.Interval()), wholeMicroseconds(above.stepAbove())
	want, lead, far := 1+s.random.IntN(300), time.Duration(s.random.IntN(100_000))*time.Microsecond, []time.Duration{horizon, idleHorizon}[s.random.IntN(2)]
	mine, top := s.rows[app+"/"+class], s.rows["/"+class]
	seen := mine.TAT.Add(time.Duration(s.random.IntN(1000)-800) * time.Millisecond)
	var n int
	var first time.Time
	var step time.Duration
	s.scan(`SELECT granted, first, step, at FROM budget_reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		[]any{s.tenant, app, class, want, lease, lead, far, limit.String(), every, seen, above.String(), everyAbove, top.TAT}, &n, &first, &step, &s.at)
	*mine, *top = mine.visited(limit.String(), every, seen, s.start, s.at), top.visited(above.String(), everyAbove, top.TAT, s.start, s.at)
	wantN, wantFirst, wantStep := reserve(mine, top, want, s.at, lead, far)
	if n != wantN || !first.Equal(wantFirst) || step != wantStep {
		s.t.Errorf("got %d from %s every %s, want %d from %s every %s", n, first, step, wantN, wantFirst, wantStep)
	}
	return fmt.Sprintf("%d at %s", want, limit)
}

func (s *tale) strike(app, class string) string {
	mine := s.rows[app+"/"+class]
	b := blow{slot: mine.Halt.Until.Add(time.Duration(s.random.IntN(3)-1) * time.Second), tenant: s.random.IntN(3) == 0, down: s.random.IntN(4) == 0, tooMany: s.random.IntN(2) == 0, reason: "429"}
	var wait *time.Duration
	if s.random.IntN(2) == 0 {
		b.wait = time.Duration(1+s.random.IntN(3e6)) * time.Microsecond
		wait = &b.wait
	}
	jitter := s.random.Float64()
	var news bool
	var now time.Time
	s.scan(`SELECT clock_timestamp()`, nil, &now)
	// Not known; a moment ago; longer ago than can be; still to come.
	b.at = []time.Time{{}, now.Add(-time.Second), now.Add(-10 * time.Second), now.Add(time.Minute)}[s.random.IntN(4)]
	s.scan(`SELECT news, at FROM budget_strike($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		[]any{s.tenant, app, class, b.tenant, b.slot, known(b.at), wait, jitter, b.down, b.tooMany, b.reason}, &news, &s.at)
	since := s.at
	if b.at.Equal(now.Add(-time.Second)) {
		since = b.at
	}
	for key, r := range s.rows {
		a, c, _ := cutKey(key)
		if a != app && !b.tenant {
			continue
		}
		after, isNews := r.struck(b, a != "" && c == class, since, jitter)
		if *r = after; a == app && c == class && isNews != news {
			s.t.Errorf("news: got %v, want %v", news, isNews)
		}
	}
	return fmt.Sprintf("%+v", b)
}

func (s *tale) through(app string) string {
	slot := s.rows[app+"/write"].Halt.Until.Add(time.Duration(s.random.IntN(2)-1) * time.Second)
	s.exec(`SELECT FROM budget_got_through($1, $2, $3)`, s.tenant, app, slot)
	for _, class := range []string{"read", "write"} {
		r := s.rows[app+"/"+class]
		*r = r.through(slot)
	}
	return "got through"
}

// ease tells a hint, at an instant that only the database knows: a change shows it.
func (s *tale) ease(app, class string) string {
	used := 0.7 + 1.1*s.random.Float64()
	s.exec(`SELECT budget_ease($1, $2, $3, $4)`, s.tenant, app, class, used)
	mine := s.rows[app+"/"+class]
	got, now := s.read(app, class)
	if at := got.FactorAt; !at.Equal(mine.FactorAt) {
		now = at
	}
	*mine = mine.eased(used, now)
	return fmt.Sprintf("a hint of %.2f", used)
}

// age lets time pass: all that the rows remember becomes as much older. Now and then the server is another one since.
func (s *tale) age() string {
	old := time.Duration(s.random.IntN(90_000)) * time.Millisecond
	restarted := s.random.IntN(3) == 0
	s.exec(`UPDATE budget SET tat = tat - $2::interval, quota_at = quota_at - $2::interval, factor_at = factor_at - $2::interval, busy_since = busy_since - $2::interval,
		paused_since = paused_since - $2::interval, paused_until = paused_until - $2::interval,
		started = CASE WHEN $3 THEN 'epoch' ELSE started END WHERE tenant = $1`, s.tenant, old, restarted)
	for _, r := range s.rows {
		for _, t := range []*time.Time{&r.TAT, &r.QuotaAt, &r.FactorAt, &r.BusySince, &r.Halt.Since, &r.Halt.Until} {
			*t = t.Add(-old)
		}
		r.Restarted = r.Restarted || restarted
	}
	return fmt.Sprint(old, " later")
}
