package graphsim_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"graphpatch/internal/graphsim"
)

func TestRequestsAsJSONLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, graphsim.Config{})
		id := ask(sim, "PATCH", "http://sim.test"+plainRoute+"/a%2Fb", `{"devicesCount":1}`, "client-request-id", "cid").Header().Get("request-id")
		w := ask(sim, "GET", "/_sim/requests", "", "Authorization", "")
		want := `{"seq":1,"at":"2000-01-01T00:00:00Z","method":"PATCH","path":"/beta/deviceManagement/deviceConfigurations/c1/userStatuses/a%2Fb",` +
			`"host":"sim.test","tokenId":"3c469e9d6c5875d3","clientRequestId":"cid","requestId":"` + id + `","status":200,"applied":true,"body":"{\"devicesCount\":1}","waitedMs":0}` + "\n"
		if diff := cmp.Diff(want, w.Body.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSinceAndLimit(t *testing.T) {
	sim := newSim(t, graphsim.Config{KeepRequests: 3000, ReadLimit: graphsim.Limit{Requests: 10_000, Window: 1}})
	for i := range 5000 {
		ask(sim, "GET", fmt.Sprint(plainRoute, "/", i+1), "")
	}
	for _, test := range []struct {
		query    string
		from, to uint64 // none if from > to
	}{
		{"", 2001, 5000},
		{"?since=0", 2001, 5000},
		{"?since=2001", 2002, 5000},
		{"?since=1&limit=2", 2001, 2002},
		{"?since=4998", 4999, 5000},
		{"?limit=1025", 2001, 3025},
		{"?since=5000", 1, 0},
		{"?since=9999999", 1, 0},
		{"?limit=0", 1, 0},
	} {
		lines := bufio.NewScanner(ask(sim, "GET", "/_sim/requests"+test.query, "").Body)
		next := test.from
		for ; lines.Scan(); next++ {
			var r graphsim.Request
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if r.Seq != next || r.Path != fmt.Sprint(plainRoute, "/", next) {
				t.Fatalf("%s: got %d, %s, want %d", test.query, r.Seq, r.Path, next)
			}
		}
		if next != test.to+1 && test.from <= test.to || test.from > test.to && next != test.from {
			t.Errorf("%s: ended before %d, want it after %d", test.query, next, test.to)
		}
	}
	if s := sim.Stats(); s.KeptRequests != 3000 || s.DroppedRequests != 2000 || s.Requests != 5000 {
		t.Errorf("%+v", s)
	}
	for _, query := range []string{"?since=x", "?limit=-1", "?since=1.5"} {
		if w := ask(sim, "GET", "/_sim/requests"+query, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}

func TestStatsAsJSON(t *testing.T) {
	sim := newSim(t, graphsim.Config{Faults: []graphsim.Fault{{Kind: "500", StatusID: "bad"}}})
	ask(sim, "PATCH", plainRoute+"/s1", documentedBody)
	ask(sim, "PATCH", plainRoute+"/bad", documentedBody)
	ask(sim, "GET", plainRoute, "")
	want := `{"requests":3,"byStatus":{"200":2,"500":1},"unanswered":0,"applied":1,"throttled":0,"faults":{"500":1},"elsewhere":0,"elsewhereWithToken":0,"inFlight":0,"maxInFlight":1,` +
		`"worstWindowWrites":2,"worstWindowReads":1,"writeLimit":100,"writeWindowSeconds":20,"readLimit":900,"readWindowSeconds":20,` +
		`"statuses":1,"keptRequests":3,"droppedRequests":0,"logins":0,"loginFailures":0,"proxyRefused":0}` + "\n"
	if diff := cmp.Diff(want, ask(sim, "GET", "/_sim/stats", "").Body.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSeedReturnsWhatItTook(t *testing.T) {
	sim := newSim(t, graphsim.Config{Strict: true})
	seeds := `[{"configuration":"c1","navigation":"","certificateId":"","id":"s1","properties":{"userDisplayName":"A","devicesCount":2,"status":"error","lastReportedDateTime":"2020-01-01T00:00:00Z","userPrincipalName":null}},` +
		`{"configuration":"c2","navigation":"/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation","certificateId":"k","id":"s2","properties":{"userDisplayName":null,"devicesCount":0,"status":"unknown","lastReportedDateTime":"0001-01-01T00:00:00Z","userPrincipalName":null}}]` + "\n"
	w := ask(sim, "POST", "/_sim/statuses", seeds)
	if w.Code != http.StatusOK || w.Body.String() != `{"seeded":2}`+"\n" {
		t.Fatal(w.Code, w.Body)
	}
	if diff := cmp.Diff(seeds, ask(sim, "GET", "/_sim/statuses", "").Body.String()); diff != "" {
		t.Error(diff)
	}
	if got := decode[[]graphsim.Status](t, ask(sim, "GET", "/_sim/statuses?configuration=c2", "").Body); len(got) != 1 || got[0].ID != "s2" {
		t.Errorf("%+v", got)
	}
	if w := ask(sim, "PATCH", plainRoute+"/s1", `{"devicesCount":3}`); w.Code != http.StatusOK {
		t.Error(w.Code, w.Body)
	}
	ask(sim, "POST", "/_sim/statuses", `[{"configuration":"c1","id":"s1"}]`)
	if got := sim.Statuses()[0].Properties; got.DevicesCount != 0 || got.Status != "unknown" {
		t.Errorf("seeding replaces: %+v", got)
	}
}

func TestFaultySeeds(t *testing.T) {
	sim := newSim(t, graphsim.Config{})
	for _, test := range []struct{ seeds, want string }{
		{`{}`, "want a JSON array"},
		{`[{"configuration":"c","id":"s","extra":1}]`, `unknown field "extra"`},
		{`[{"configuration":"c","id":"good"},{"configuration":"c"},{"id":"s"}]`, "status 2: configuration and id must not be empty\nstatus 3: configuration"},
		{`[{"configuration":"c","id":"s","navigation":"/x"}]`, `navigation "/x" is not one`},
		{`[{"configuration":"c","id":"s","certificateId":"k"}]`, "a certificateId is for"},
		{`[{"configuration":"c","id":"s","navigation":"/microsoft.graph.windowsWifiEnterpriseEAPConfiguration/rootCertificatesForServerValidation"}]`, "a certificateId is for"},
		{`[{"configuration":"c","id":"s","properties":{"status":"nope"}}]`, "complianceStatus"},
	} {
		w := ask(sim, "POST", "/_sim/statuses", test.seeds)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: %d %s", test.seeds, w.Code, w.Body)
		}
	}
	if got := sim.Statuses(); len(got) != 0 {
		t.Errorf("all or none: %v", got)
	}
}

func TestResetStartsAnew(t *testing.T) {
	sim := newSim(t, graphsim.Config{Statuses: 2, WriteLimit: graphsim.Limit{Requests: 1, Window: 1 << 40}})
	ask(sim, "PATCH", plainRoute+"/s1", documentedBody)
	if w := ask(sim, "POST", "/_sim/reset", "", "Authorization", ""); w.Code != http.StatusNoContent {
		t.Fatal(w.Code)
	}
	if s := sim.Stats(); s.Requests != 0 || s.KeptRequests != 0 || s.WorstWindowWrites != 0 || s.Statuses != 2 || len(sim.Requests()) != 0 {
		t.Errorf("%+v", s)
	}
	if w := ask(sim, "PATCH", plainRoute+"/s1", documentedBody); w.Code != http.StatusOK || sim.Requests()[0].Seq != 1 {
		t.Error("the window is still full", w.Code)
	}
}

func TestOwnPathsAreFree(t *testing.T) {
	sim := newSim(t, graphsim.Config{ReadLimit: graphsim.Limit{Requests: 1, Window: 1 << 40}, Faults: always("500")})
	for path, want := range map[string]int{"/_sim/healthz": 200, "/_sim/stats": 200, "/_sim/statuses": 200, "/_sim/nothing": 404} {
		for range 3 {
			if w := ask(sim, "GET", path, "", "Authorization", ""); w.Code != want {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	}
	if w := ask(sim, "POST", "/_sim/stats", ""); w.Code != http.StatusMethodNotAllowed {
		t.Error(w.Code)
	}
	if n := sim.Stats().Requests; n != 0 {
		t.Errorf("%d in the log", n)
	}
}
