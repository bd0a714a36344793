package e2e

import (
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// stage is what a benchmark of the budget plays on: a simulator with a limit, worker processes that share it, and a run
// with more rows than they can send meanwhile.
type stage struct {
	*kit
	b       *testing.B
	workers int
	rate    int           // the limit, per second
	window  time.Duration // the limit is for
	lasts   time.Duration
	root    string
}

// newStage sets one up. BUDGET_WINDOW is the window's length, 20 s otherwise, and BUDGET_WINDOWS how many of them the
// steady part is to last.
func newStage(b *testing.B, workers, rate, windows int) *stage {
	b.Helper()
	s := &stage{kit: newKit(b), b: b, workers: workers, rate: rate, window: 20 * time.Second}
	if text := os.Getenv("BUDGET_WINDOW"); text != "" {
		var err error
		if s.window, err = time.ParseDuration(text); err != nil {
			b.Fatal(err)
		}
	}
	if text := os.Getenv("BUDGET_WINDOWS"); text != "" {
		var err error
		if windows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	s.lasts = time.Duration(windows) * s.window
	s.settings()
	s.serve(b)
	s.env["GRAPH_WRITE_LIMIT"] = s.limit(rate)
	return s
}

// graph starts the simulator with the limit.
func (s *stage) graph(args ...string) {
	s.b.Helper()
	s.root = s.simulator(append([]string{"--write-limit=" + s.limit(s.rate)}, args...)...)
}

// limit is that many a second, as people write it.
func (s *stage) limit(rate int) string {
	return strconv.Itoa(int(float64(rate)*s.window.Seconds())) + "/" + s.window.String()
}

// settings make room for the pools of many workers, about twenty connections each; the server has 200 by itself. They have
// the time counted that reservations take. The first is read at a start.
func (s *stage) settings() {
	s.b.Helper()
	db := s.openServer(s.b)
	defer closeServer(s.b, db)
	conn, err := pgx.Connect(s.b.Context(), db.URL)
	if err != nil {
		s.b.Fatal(err)
	}
	defer conn.Close(s.b.Context())
	for _, setting := range []string{`max_connections = 500`, `track_functions = 'pl'`} {
		if _, err := conn.Exec(s.b.Context(), `ALTER SYSTEM SET `+setting); err != nil {
			s.b.Fatal(err)
		}
	}
}

// settle is how long after the canary the steady part begins: every process has had its turn by then.
const settle = 5 * time.Second

// rowsForAll are fifty slices: enough for each of sixteen processes to work on three, so that none stands idle for want
// of one.
const rowsForAll = 50_000

// play has the workers work for as long as the steady part lasts, and returns what came of it. During warmUp more, which
// comes first, nothing is counted.
func (s *stage) play(warmUp time.Duration) *play {
	s.b.Helper()
	total := settle + warmUp + s.lasts
	file := s.sample(rowsForAll + int(float64(s.rate)*total.Seconds()))
	workers := make([]*process, s.workers)
	for i := range workers {
		workers[i] = s.start(nil, "worker")
	}
	for _, w := range workers {
		s.until("a worker works", func() bool { return strings.Contains(w.stderr.String(), "msg=working") })
	}
	s.ok("enqueue", "csv", file)
	// The first one is the run's canary, which goes alone.
	s.until("the run has begun", func() bool { return s.stats().ByStatus["200"] > 3 })
	p := &play{stage: s, from: time.Now().Add(settle + warmUp)}
	p.to = p.from.Add(s.lasts)
	s.last(time.Until(p.to))
	p.stats = s.stats()
	p.connections = s.count(`SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`)
	p.reservations = s.count(`SELECT calls FROM pg_stat_user_functions WHERE funcname = 'budget_reserve'`)
	p.reserving = time.Duration(s.count(`SELECT (total_time * 1e6)::bigint FROM pg_stat_user_functions WHERE funcname = 'budget_reserve'`))
	s.endAll(workers)
	p.requests = patches(s.kit, s.root)
	return p
}

// last lets time pass.
func (s *stage) last(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.b.Context().Done():
		s.b.Fatal("the benchmark was ended")
	}
}

// endAll stops the workers as an operator does, all at once.
func (s *stage) endAll(workers []*process) {
	var ends sync.WaitGroup
	for _, w := range workers {
		ends.Go(func() {
			if code := w.end(syscall.SIGTERM); code != 0 {
				s.b.Errorf("a worker ended with %d:\n%s", code, w.stderr)
			}
		})
	}
	ends.Wait()
}

// stats are the simulator's totals.
type stats struct {
	ByStatus          map[string]int
	Throttled         int
	WorstWindowWrites int
	WriteLimit        int
	InFlight          int
}

func (s *stage) stats() stats {
	s.b.Helper()
	return get[stats](s.kit, s.root+"/_sim/stats")[0]
}

func (s *stage) count(sql string, args ...any) (n int) {
	s.b.Helper()
	if err := s.conn().QueryRow(s.b.Context(), sql, args...).Scan(&n); err != nil {
		s.b.Fatal(err)
	}
	return n
}

func (s *stage) conn() *pgx.Conn {
	s.b.Helper()
	conn, err := pgx.Connect(s.b.Context(), s.env["DATABASE_URL"])
	if err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(func() { conn.Close(s.b.Context()) })
	return conn
}

// play is what a run of the workers came to. Its instants are the simulator's, which is on the same machine.
type play struct {
	*stage
	from, to    time.Time // the steady part
	stats       stats
	requests    []request // all PATCHes
	connections int

	reservations int           // statements that took slots, or found that there are none yet
	reserving    time.Duration // that the database spent in them
}

// steady is how many requests of a status came in the steady part.
func (p *play) steady(status int) (n int) {
	for _, r := range p.requests {
		if r.Status == status && !r.At.Before(p.from) && r.At.Before(p.to) {
			n++
		}
	}
	return n
}

// share is what part of a rate was used, by requests that were answered with success.
func (p *play) share(rate float64) float64 {
	return float64(p.steady(http.StatusOK)) / (rate * p.lasts.Seconds())
}

// deviation is how far from the mean the process is that is farthest, as a share of the mean.
func (p *play) deviation() float64 {
	p.b.Helper()
	rows, err := p.conn().Query(p.b.Context(), `SELECT count(*) FROM audit_event
		WHERE method = 'PATCH' AND sent_at >= $1 AND sent_at < $2 GROUP BY worker`, p.from, p.to)
	if err != nil {
		p.b.Fatal(err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		p.b.Fatal(err)
	}
	// A process that sent nothing has no row.
	counts = append(counts, make([]int, p.workers-len(counts))...)
	var sum, worst float64
	for _, n := range counts {
		sum += float64(n)
	}
	mean := sum / float64(p.workers)
	for _, n := range counts {
		worst = max(worst, math.Abs(float64(n)-mean))
	}
	return worst / mean
}
