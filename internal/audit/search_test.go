package audit

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"graphpatch/internal/ledger"
	"graphpatch/internal/postgres"
	"graphpatch/internal/postgres/pgtest"
)

// ask is one filter of each kind: for what is everywhere, and for what is only in the oldest run.
func ask(h history) map[string]EventFilter {
	f := map[string]EventFilter{
		"none": {}, "newest run": {Run: h.run(h.runs)}, "oldest run": {Run: oldest},
		"row": {Row: row(17)}, "row of the run": {Run: h.run(2), Row: row(10)}, "runs' own": {Row: row(0)},
		"tenant": {Tenant: contoso}, "old tenant": {Tenant: fabrikam},
		"configuration": {Configuration: "c-7"}, "old configuration": {Configuration: "OLD"},
		"route": {Route: "plain"}, "old route": {Route: "root"},
		"status id": {StatusID: "s-10"}, "old status id": {StatusID: "old-10"},
		"user": {User: UserPattern{Text: "USER.11@contoso.com"}}, "user by prefix": {User: UserPattern{Text: "user.1", Prefix: true}},
		"old user": {User: UserPattern{Text: "zoe.1", Prefix: true}}, "any user": {User: UserPattern{Prefix: true}},
		"outcome": {Outcomes: []string{"applied"}}, "rarer outcome": {Outcomes: []string{"rejected", "throttled"}}, "old outcome": {Outcomes: []string{"failed"}},
		"final": {Final: true}, "status": {Status: StatusRange{204, 204}}, "rarer status": {Status: StatusRange{404, 404}},
		"old status": {Status: StatusRange{418, 418}}, "class": {Status: StatusRange{400, 499}}, "class without": {Status: StatusRange{500, 599}},
		"code": {ErrorCode: "forbidden"}, "old code": {ErrorCode: "teapot"},
		"worker": {Worker: "worker-1"}, "old worker": {Worker: "worker-old"},
		"since": {Since: time.Date(2026, 10, 9, 0, 0, 0, 0, time.UTC)}, "until": {Until: time.Date(2026, 10, 9, 0, 0, 0, 0, time.UTC)},
	}
	return f
}

// both satisfies two filters.
func both(a, b EventFilter) EventFilter {
	a.Run, a.Tenant = cmp.Or(a.Run, b.Run), cmp.Or(a.Tenant, b.Tenant)
	a.Row = cmp.Or(a.Row, b.Row)
	a.Final = a.Final || b.Final
	a.Status, a.User = cmp.Or(a.Status, b.Status), cmp.Or(a.User, b.User)
	a.ErrorCode, a.Worker, a.Route = cmp.Or(a.ErrorCode, b.ErrorCode), cmp.Or(a.Worker, b.Worker), cmp.Or(a.Route, b.Route)
	a.Configuration, a.StatusID, a.RequestID = cmp.Or(a.Configuration, b.Configuration), cmp.Or(a.StatusID, b.StatusID), cmp.Or(a.RequestID, b.RequestID)
	a.Since, a.Until = cmp.Or(a.Since, b.Since), cmp.Or(a.Until, b.Until)
	if a.Outcomes == nil {
		a.Outcomes = b.Outcomes
	}
	return a
}

// satisfies says in Go what the filter says in SQL.
func satisfies(e *Event, f *EventFilter, tenants map[int64]uuid.UUID) bool {
	fold := func(s *string) string {
		if s == nil {
			return ""
		}
		return strings.ToLower(*s)
	}
	code, _, _ := strings.Cut(fold(e.Error), ":")
	user := fold(e.UserPrincipalName)
	switch {
	case f.Run != 0 && e.Run != f.Run, f.Row != nil && e.Row != int(*f.Row), f.Tenant != uuid.Nil && tenants[e.Run] != f.Tenant,
		f.Outcomes != nil && !slices.Contains(f.Outcomes, e.Outcome), f.Final && !e.Final,
		f.Status != (StatusRange{}) && (e.Status == nil || *e.Status < f.Status.Low || *e.Status > f.Status.High),
		f.ErrorCode != "" && (e.Row == 0 || code != strings.ToLower(f.ErrorCode)),
		f.Worker != "" && (e.Worker == nil || *e.Worker != f.Worker),
		f.User.Prefix && (e.UserPrincipalName == nil || !strings.HasPrefix(user, strings.ToLower(f.User.Text))),
		!f.User.Prefix && f.User.Text != "" && user != strings.ToLower(f.User.Text),
		f.Configuration != "" && fold(e.DeviceConfigurationID) != strings.ToLower(f.Configuration),
		f.StatusID != "" && fold(e.UserStatusID) != strings.ToLower(f.StatusID),
		f.Route != "" && (e.Route == nil || *e.Route != f.Route),
		f.RequestID != "" && fold(e.RequestID) != f.RequestID && (e.ClientRequestID == nil || e.ClientRequestID.String() != f.RequestID),
		!f.Since.IsZero() && e.RecordedAt.Before(f.Since), !f.Until.IsZero() && !e.RecordedAt.Before(f.Until):
		return false
	}
	return true
}

// Every filter alone, and hundreds together: page after page gives what a look at every event gives, in the same order, from
// either end, whatever way the search takes.
func TestPagesAreTheWhole(t *testing.T) {
	pool := pgtest.New(t).Pool(t)
	h := history{runs: 10, rows: 110}
	h.build(t, pool)
	a := New(pool)
	all := take(t, a, EventFilter{})
	if len(all) != 10*(110+11+1) {
		t.Fatalf("%d events", len(all))
	}
	tenants := map[int64]uuid.UUID{}
	for k := 1; k <= h.runs; k++ {
		tenants[h.run(k)] = contoso
	}
	tenants[oldest] = fabrikam
	questions := ask(h)
	questions["request id"] = EventFilter{RequestID: *all[500].RequestID}
	questions["client request id"] = EventFilter{RequestID: all[600].ClientRequestID.String()}
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range questions {
			if !yield(name) {
				return
			}
		}
	})
	random := rand.New(rand.NewPCG(1, 2))
	for i, name := range names {
		check := func(name string, f EventFilter) {
			f.Oldest = random.IntN(2) == 0
			a.bounds = bounds{reach: 40, fewRows: 5, mostHashed: 60, mostRuns: []int{8, 1000}[random.IntN(2)]}
			var want []string
			for i := range all {
				if satisfies(&all[i], &f, tenants) {
					want = append(want, all[i].ID)
				}
			}
			if f.Oldest {
				slices.Reverse(want)
			}
			if got := ids(take(t, a, f)); !slices.Equal(got, want) {
				t.Errorf("%s: %d events at once, want %d", name, len(got), len(want))
			}
			f.Limit = []int{7, 50, 1000}[random.IntN(3)]
			if got := pages(t, a, f, len(want)/f.Limit+2); !slices.Equal(got, want) {
				t.Errorf("%s, oldest first %t, limit %d: %d events by pages, want %d", name, f.Oldest, f.Limit, len(got), len(want))
			}
		}
		check(name, questions[name])
		for _, other := range names[i+1:] {
			if random.IntN(3) == 0 {
				check(name+" and "+other, both(questions[name], questions[other]))
			}
		}
	}
}

func take(t testing.TB, a *Audit, f EventFilter) (all []Event) {
	t.Helper()
	for e, err := range a.Events(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func ids(events []Event) (all []string) {
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

// pages are the events of all pages, of which there must be no more than most.
func pages(t *testing.T, a *Audit, f EventFilter, most int) (all []string) {
	t.Helper()
	for range most {
		page := ids(take(t, a, f))
		all = append(all, page...)
		if len(page) < f.Limit {
			return all
		}
		f.After = page[len(page)-1]
	}
	t.Errorf("%+v: more than %d pages", f, most)
	return all
}

// planned is a pool whose server tells how it does what it is asked to.
func planned(t testing.TB, db *pgtest.DB, params map[string]string, told *[]string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	maps.Copy(config.ConnConfig.RuntimeParams, params)
	config.ConnConfig.RuntimeParams["session_preload_libraries"] = "auto_explain"
	for name, value := range map[string]string{
		"log_min_duration": "0", "log_analyze": "on", "log_buffers": "on", "log_timing": "off", "log_level": "notice", "log_nested_statements": "off",
	} {
		config.ConnConfig.RuntimeParams["auto_explain."+name] = value
	}
	config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { *told = append(*told, n.Message) }
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// While a month is empty whatever index fits looks as good to the planner as any other, and the ledger keeps its plans: none
// of what it does may be able to take an index that is only the audit's.
func TestTheLedgerKeepsToItsIndexes(t *testing.T) {
	db := pgtest.New(t)
	var told []string
	pool := planned(t, db, postgres.LedgerConfig(1).Params, &told)
	exec(t, pool, `ANALYZE`)
	told = nil
	w := &world{t: t, pool: pool, ledger: ledger.New(pool, "worker-1"), audit: New(pool)}
	w.live()
	audits := regexp.MustCompile(`\b(audit_event|status_update)_\d{6}_\w*(recorded_at|elapsed_us|lower|expr)\w*_idx\b`)
	own := regexp.MustCompile(`\b(audit_event|status_update)_\d{6}_\w*(pkey|idx)\b`)
	found := 0
	for _, plan := range told {
		found += len(own.FindAllString(plan, -1))
		if index := audits.FindString(plan); index != "" {
			t.Errorf("%s is taken:\n%s", index, plan)
		}
	}
	if found == 0 {
		t.Errorf("no plan took an index, of %d", len(told))
	}
}

// The first page of every filter is found in an index, and looks at few blocks. That holds for the number of events here; what
// it takes at ten million is measured by the benchmark.
func TestPagesAreFoundInIndexes(t *testing.T) {
	db := pgtest.New(t)
	h := history{runs: 40, rows: 4600}
	h.build(t, db.Pool(t))
	var told []string
	a := New(planned(t, db, nil, &told))
	for name, f := range ask(h) {
		for _, f.Oldest = range []bool{false, true} {
			told = nil
			f.Limit = 50
			take(t, a, f)
			text := strings.Join(told, "\n")
			if strings.Contains(text, "Seq Scan on audit_event") || strings.Contains(text, "Seq Scan on status_update") {
				t.Errorf("%s: a table is read through:\n%s", name, text)
			}
			if !strings.Contains(text, "audit_event") {
				t.Errorf("%s: no plan was told:\n%s", name, text)
			}
			if n := blocks(told); n > mostBlocks {
				t.Errorf("%s, oldest first %t: %d blocks:\n%s", name, f.Oldest, n, text)
			}
		}
	}
}

// When too many rows of a run share what is asked for, and its events are far from the end: the rows are kept in memory. Looked up
// for each event instead, or read through for each, they would take much longer than a page may.
func TestManyRowsAreKeptInMemory(t *testing.T) {
	db := pgtest.New(t)
	h := history{runs: 3, rows: 5000}
	h.build(t, db.Pool(t))
	var told []string
	a := New(planned(t, db, nil, &told))
	a.bounds.fewRows = 5
	f := ask(h)["old user"]
	f.Limit = 50
	told = nil
	if n := len(take(t, a, f)); n != f.Limit {
		t.Errorf("%d events, want %d", n, f.Limit)
	}
	if text := strings.Join(told, "\n"); !strings.Contains(text, "hashed SubPlan") || strings.Contains(text, "(SubPlan") {
		t.Errorf("the rows are not kept in memory:\n%s", text)
	}
}

// mostBlocks is how much a page may look at: the rows of 2,000 events, each by its key, more than once.
const mostBlocks = 30_000

// blocks are those that the statements looked at.
func blocks(plans []string) (sum int) {
	for _, plan := range plans {
		if _, after, ok := strings.Cut(plan, "Buffers: shared hit="); ok {
			var hit int
			_, _ = fmt.Sscan(after, &hit) // what follows the number is none of it
			sum += hit
		}
	}
	return sum
}

// A search of a run goes through every outcome there is: one that the database takes and Outcomes does not name would be missed.
func TestOutcomesAreTheDatabases(t *testing.T) {
	rows, err := pgtest.New(t).Pool(t).Query(t.Context(), `
		SELECT m[1] FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), '''([a-z]+)''::text', 'g') m
		WHERE c.conrelid = 'audit_event'::regclass AND c.conname = 'audit_event_outcome_check' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(slices.Values(Outcomes())); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
