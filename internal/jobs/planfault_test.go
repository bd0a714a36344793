package jobs

import (
	"strings"
	"testing"

	"graphpatch/internal/graphsim"
	"graphpatch/internal/ledger"
	"graphpatch/internal/userstatus"
)

func parseFaults(t *testing.T, texts ...string) []graphsim.Fault {
	t.Helper()
	faults, err := graphsim.ParseFaults(texts)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

// Whatever a list meets, every row is read by it or by itself, and only those that differ are sent.
func TestPlanInSpiteOfFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults  []string
		warning string
	}{
		"short list":       {[]string{"short-list:after=3:first=1"}, "its overview counts 200"},
		"loop":             {[]string{"loop-link:after=3"}, "read before"},
		"foreign link":     {[]string{"foreign-link:after=3"}, "another host"},
		"504 midway":       {[]string{"504:method=GET:after=3:first=2"}, ""},
		"504 for ever":     {[]string{"504:method=GET:after=3:first=5"}, "could not be read to its end"},
		"throttled":        {[]string{"429:method=GET:after=3:first=1"}, ""},
		"empty page":       {[]string{"empty-page:after=2:first=1"}, ""},
		"no such overview": {[]string{"404:method=GET:first=1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, graphsim.Config{PageSize: 40, FaultRetryAfter: "0.2", Faults: parseFaults(t, test.faults...)})
			k.seed(1, 180, userstatus.Compliant)
			k.seed(181, 200, userstatus.Error)
			run := k.enqueue(200, userstatus.Compliant, readFirst)
			k.start(k.workerFor("w", "token", fast))
			if p := k.await(run, ledger.Finished); p.Unchanged != 180 || p.Applied != 20 {
				t.Errorf("got %+v", p)
			}
			k.checkBooks(run, 200)
			if n := k.count(`SELECT count(*) FROM plan WHERE run = $1 AND coalesce(warning, '') LIKE '%' || $2 || '%'`, run, test.warning); n != 1 {
				t.Errorf("no warning of %q", test.warning)
			}
			if n := k.count(`SELECT count(*) FROM audit_event WHERE run = $1 AND outcome = 'planned' AND error LIKE '180 unchanged, 20 to change%'`, run); n != 1 {
				t.Error("the run does not say what its plan found")
			}
		})
	}
}

// During an outage of the service a plan waits, and goes on where it stood: rows by list and rows one by one.
func TestPlanWaitsForTheService(t *testing.T) {
	t.Parallel()
	for _, missing := range []int{0, 100} {
		after := map[int]string{0: "2", 100: "6"}[missing] // before the pages, or among the rows
		k := newKit(t, graphsim.Config{PageSize: 40, Strict: true, Faults: parseFaults(t, "503-bare:method=GET:after="+after+":first=7")})
		k.seed(1, 180-missing, userstatus.Compliant)
		run := k.enqueue(180, userstatus.Compliant, readFirst, func(n *ledger.NewRun) { n.Options.SkipMissing = true })
		k.start(k.workerFor("w", "token", fast))
		if p := k.await(run, ledger.Finished); p.Unchanged != 180-missing || p.Missing != missing {
			t.Errorf("got %+v", p)
		}
		if n := k.count(`SELECT count(*) FROM plan WHERE unread > 0 OR warning IS NOT NULL`); n != 0 {
			t.Error("the plan was given up")
		}
		k.checkBooks(run, 180)
	}
}

// What the list lacks is read by itself before it is called missing. It is sent all the same, unless that is not wanted.
func TestMissingStatuses(t *testing.T) {
	t.Parallel()
	for _, skip := range []bool{false, true} {
		k := newKit(t, graphsim.Config{PageSize: 50, Strict: true})
		k.seed(1, 95, userstatus.Compliant)
		run := k.enqueue(100, userstatus.Compliant, readFirst, func(n *ledger.NewRun) { n.Options.SkipMissing = skip })
		k.start(k.workerFor("w", "token", fast))
		p := k.await(run, ledger.Finished)
		patches, _, gets, _ := k.requests()
		if want := map[bool]int{false: 5}[skip]; p.Unchanged != 95 || p.Rejected != want || p.Missing != 5-want || patches != want || gets != 5 {
			t.Errorf("skip %v: %+v, %d PATCHes, %d reads", skip, p, patches, gets)
		}
		if got, want := k.outcomes(run, 99), map[bool]string{false: "observed rejected!", true: "missing!"}[skip]; got != want {
			t.Errorf("skip %v: got %s", skip, got)
		}
		k.checkBooks(run, 100)
	}
}

// Of a configuration that is not there nothing is read but that.
func TestMissingConfiguration(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: parseFaults(t, "404:method=GET")})
	run := k.enqueue(1500, userstatus.Compliant, readFirst, func(n *ledger.NewRun) { n.Options.SkipMissing = true })
	k.start(k.workerFor("w", "token", fast))
	if p := k.await(run, ledger.Finished); p.Missing != 1500 || len(k.sim.Requests()) != 2 {
		t.Errorf("got %+v, %d requests", p, len(k.sim.Requests()))
	}
	k.checkBooks(run, 1500)
}

// An app that may write and not read is told what to do.
func TestPlanWithoutTheRightToRead(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{Faults: parseFaults(t, "scope:method=GET:first=1")})
	run := k.enqueue(30, userstatus.Compliant, readFirst)
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Held)
	if !strings.Contains(p.Reason, "DeviceManagementConfiguration") || !strings.Contains(p.Reason, "--blind") || p.Settled != 0 {
		t.Errorf("got %+v", p)
	}
	if patches, _, _, _ := k.requests(); patches != 0 {
		t.Errorf("%d PATCHes", patches)
	}
	if err := k.enqueuer.ReleaseBlind(t.Context(), run, "tester", "I know"); err != nil {
		t.Fatal(err)
	}
	if p := k.await(run, ledger.Finished); p.Applied != 30 {
		t.Errorf("got %+v", p)
	}
	k.checkBooks(run, 30)
}

// A few rows of a large configuration are read one by one.
func TestFewRowsOfALargeList(t *testing.T) {
	t.Parallel()
	k := newKit(t, graphsim.Config{PageSize: 10})
	k.seed(100, 900, userstatus.Compliant)
	k.seed(1, 5, userstatus.Compliant)
	run := k.enqueue(5, userstatus.Compliant, readFirst)
	k.start(k.workerFor("w", "token", fast))
	p := k.await(run, ledger.Finished)
	if _, lists, gets, overviews := k.requests(); p.Unchanged != 5 || lists != 1 || gets != 5 || overviews != 1 {
		t.Errorf("%+v, %d pages, %d reads, %d overviews", p, lists, gets, overviews)
	}
}

func TestCheaperByGet(t *testing.T) {
	t.Parallel()
	total := func(n int) *int { return &n }
	for _, test := range []struct {
		name         string
		rows, found  int
		pages, shown int
		total        *int
		want         bool
	}{
		{"one page of a hundred, and a thousand rows left", 1000, 0, 1, 1000, total(100_000), false},
		{"a hundred rows left, a hundred pages to come", 150, 50, 1, 1000, total(101_000), false},
		{"a row fewer", 149, 50, 1, 1000, total(101_000), true},
		{"all found", 10, 10, 1, 1000, total(2000), true},
		{"nobody knows how long it is: as many pages as there were", 10, 0, 10, 10_000, nil, false},
		{"and one more", 10, 0, 11, 11_000, nil, true},
		{"more than the overview says", 10, 0, 11, 11_000, total(5000), true},
		{"empty pages", 10, 0, 3, 0, total(5000), false},
	} {
		p := &ledger.Part{Rows: test.rows, PlanCounts: ledger.PlanCounts{Unchanged: test.found}, Pages: test.pages, Listed: test.shown, Total: test.total}
		if got := cheaperByGet(p); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}
